import CKinglet

/// What went wrong. `number` and `word` are those of `kinglet.h` and do not change between versions.
public struct KingletError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The stable number; those from 1 to 127 are about the blob.
    public let number: Int
    /// The stable word for it, such as `checksum`.
    public let word: String
    /// Byte offset in the blob of what is wrong, where the blob is at fault.
    public let offset: Int?

    public var description: String {
        let place = offset.map { " at byte \($0) of the blob" } ?? ""
        return "\(word) (\(number))\(place)"
    }

    /// Throws unless all is well.
    static func check(_ status: kinglet_status, offset: @autoclosure () -> Int? = nil) throws {
        if Int(status) == Int(KINGLET_OK) { return }
        let word = C.statusName(status).map { String(cString: $0) } ?? "unknown"
        throw KingletError(number: Int(status), word: word, offset: offset())
    }
}
