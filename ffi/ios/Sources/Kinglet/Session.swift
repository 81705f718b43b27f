import CKinglet

/// A model with working memory of its own: write the inputs, `run()`, read the outputs.
///
/// Not `Sendable`: one thread at a time has a session, and the compiler sees to it. Give each task its own, or put one into
/// an actor; a model may be shared.
public final class Session {
    /// The model that it runs.
    public let model: Model
    private let handle: UnsafeMutablePointer<kinglet_session>
    private let arena: UnsafeMutableRawPointer

    public init(_ model: Model) throws {
        let handle = UnsafeMutablePointer<kinglet_session>.allocate(capacity: 1)
        let bytes = max(model.arenaBytes, 1)
        let arena = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Int(KINGLET_ALIGNMENT))
        do {
            try KingletError.check(C.sessionInit(handle, model.handle, arena, model.arenaBytes))
        } catch {
            handle.deallocate()
            arena.deallocate()
            throw error
        }
        self.model = model
        self.handle = handle
        self.arena = arena
    }

    deinit {
        handle.deallocate()
        arena.deallocate()
    }

    /// Writes real numbers into an input, whatever its type: rounded, halves away from zero, clamped.
    public func write(_ reals: [Float], to index: Int = 0) throws {
        try KingletError.check(reals.withUnsafeBufferPointer { C.sessionWriteInput(handle, index, $0.baseAddress, $0.count) })
    }

    /// Reads an output of the last run as real numbers, whatever its type.
    public func read(_ index: Int = 0) throws -> [Float] {
        let count = model.outputs.indices.contains(index) ? model.outputs[index].count : 1
        var reals = [Float](repeating: 0, count: count)
        try KingletError.check(reals.withUnsafeMutableBufferPointer { C.sessionReadOutput(handle, index, $0.baseAddress, $0.count) })
        return reals
    }

    /// An input's memory, to be filled before a run, without a copy. The buffer is good inside of `body` only.
    public func withInput<R>(_ index: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
        var start: UnsafeMutableRawPointer?
        var count = 0
        try KingletError.check(C.sessionInput(handle, index, &start, &count))
        return try withExtendedLifetime(self) { try body(UnsafeMutableRawBufferPointer(start: start, count: count)) }
    }

    /// An output's memory after a run, without a copy. The buffer is good inside of `body` only.
    public func withOutput<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        var start: UnsafeRawPointer?
        var count = 0
        try KingletError.check(C.sessionOutput(handle, index, &start, &count))
        return try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: start, count: count)) }
    }

    /// Runs all operators from the first one on.
    public func run() throws {
        try KingletError.check(C.sessionRun(handle))
    }

    /// Writes the first input, runs, and reads the first output.
    public func run(_ reals: [Float]) throws -> [Float] {
        try write(reals)
        try run()
        return try read()
    }

    /// Runs the next operator; true when it was the last one. Between two steps a task can see whether it was canceled.
    public func step() throws -> Bool {
        var finished: UInt8 = 0
        try KingletError.check(C.sessionStep(handle, &finished))
        return finished != 0
    }

    /// Forgets a run that was begun with `step()`.
    public func restart() throws {
        try KingletError.check(C.sessionRestart(handle))
    }

    /// Makes all that the model keeps from run to run what it was at first.
    public func reset() throws {
        try KingletError.check(C.sessionReset(handle))
    }

    /// Runs the test vectors that the blob carries and compares every bit; returns how many there are.
    public func selfTest() throws -> Int {
        var vectors: UInt32 = 0
        try KingletError.check(C.sessionSelfTest(handle, &vectors))
        return Int(vectors)
    }
}

/// The version of the C library, as `major.minor.patch`.
public func libraryVersion() -> String {
    let version = C.version()
    return "\(version >> 16).\((version >> 8) & 0xff).\(version & 0xff)"
}
