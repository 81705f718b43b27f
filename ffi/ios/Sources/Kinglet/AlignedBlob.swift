import CKinglet
import Foundation

/// The bytes of a blob at an address that is a multiple of 16, owned. They do not change.
public final class AlignedBlob: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    /// Its length.
    public let count: Int
    /// A mapped file, which owns the bytes; else they are this object's own.
    private let mapped: NSData?

    /// A copy of bytes, from an app's bundle or a download.
    public init(_ data: Data) {
        count = data.count
        start = UnsafeMutableRawPointer.allocate(byteCount: max(data.count, 1), alignment: Int(KINGLET_ALIGNMENT))
        mapped = nil
        data.withUnsafeBytes { bytes in
            if let from = bytes.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) }
        }
    }

    /// A file, mapped: its pages are read when they are needed. The file must not change meanwhile. A mapping begins at a
    /// page; where Foundation reads the file instead, to an address that is none, the model says `blob_alignment`.
    public init(mapping file: URL) throws {
        let data = try NSData(contentsOf: file, options: .alwaysMapped)
        count = data.length
        start = UnsafeMutableRawPointer(mutating: data.bytes)
        mapped = data
    }

    deinit {
        if mapped == nil { start.deallocate() }
    }
}
