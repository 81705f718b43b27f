import CKinglet
import Foundation

/// A verified blob. Does not change, so any number of threads and sessions may share it: `Sendable` without a lock.
public final class Model: @unchecked Sendable {
    let handle: UnsafeMutablePointer<kinglet_model>
    /// Keeps the bytes.
    private let blob: AlignedBlob

    /// The inputs, in order.
    public let inputs: [Tensor]
    /// The outputs, in order.
    public let outputs: [Tensor]
    /// Bytes of working memory that a session needs.
    public let arenaBytes: Int
    /// Steps of a run.
    public let operatorCount: Int

    /// Verifies a blob completely, once. `maxWork` is for blobs from elsewhere, which can be sound and run for years.
    public init(_ blob: AlignedBlob, maxWork: UInt64? = nil) throws {
        let handle = UnsafeMutablePointer<kinglet_model>.allocate(capacity: 1)
        do {
            let status = maxWork.map { C.modelInitWithin(handle, blob.start, blob.count, $0) }
                ?? C.modelInit(handle, blob.start, blob.count)
            var offset: UInt32 = 0
            _ = C.modelError(handle, &offset)
            try KingletError.check(status, offset: Int(offset))
            arenaBytes = try Model.count { C.modelArenaBytes(handle, $0) }
            operatorCount = try Model.count { C.modelOperatorCount(handle, $0) }
            let inputCount = try Model.count { C.modelInputCount(handle, $0) }
            inputs = try (0..<inputCount).map { index in try Model.tensor { C.modelInput(handle, index, $0) } }
            let outputCount = try Model.count { C.modelOutputCount(handle, $0) }
            outputs = try (0..<outputCount).map { index in try Model.tensor { C.modelOutput(handle, index, $0) } }
        } catch {
            handle.deallocate()
            throw error
        }
        self.handle = handle
        self.blob = blob
    }

    /// A copy of bytes, verified.
    public convenience init(data: Data, maxWork: UInt64? = nil) throws {
        try self.init(AlignedBlob(data), maxWork: maxWork)
    }

    /// A file, mapped and verified.
    public convenience init(contentsOf file: URL, maxWork: UInt64? = nil) throws {
        try self.init(AlignedBlob(mapping: file), maxWork: maxWork)
    }

    deinit {
        handle.deallocate()
    }

    private static func count(_ read: (UnsafeMutablePointer<Int>) -> kinglet_status) throws -> Int {
        var value = 0
        try KingletError.check(read(&value))
        return value
    }

    private static func tensor(_ read: (UnsafeMutablePointer<kinglet_tensor>) -> kinglet_status) throws -> Tensor {
        var value = kinglet_tensor()
        try KingletError.check(read(&value))
        return Tensor(value)
    }
}
