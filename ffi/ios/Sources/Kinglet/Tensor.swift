import CKinglet

/// What the elements of a tensor are.
public enum ElementType: Int, Sendable {
    case int8 = 0, float32, int16, int32, uint8, bool
}

/// An input or an output of a model.
public struct Tensor: Sendable {
    /// The source model's name for it.
    public let name: String
    /// Extent of each axis, slowest first.
    public let shape: [Int]
    /// None for a type that this version does not know.
    public let type: ElementType?
    /// `real = scale * (code - zeroPoint)`; 1 for floats.
    public let scale: Float
    /// 0 for floats.
    public let zeroPoint: Int
    /// Number of elements.
    public let count: Int
    /// Number of bytes.
    public let byteCount: Int
    /// True when the source model has it channels-first; here it is channels-last.
    public let channelsMoved: Bool

    init(_ tensor: kinglet_tensor) {
        let bytes = UnsafeRawBufferPointer(start: tensor.name, count: tensor.name_bytes)
        name = String(decoding: bytes, as: UTF8.self)
        let extents = [tensor.dims.0, tensor.dims.1, tensor.dims.2, tensor.dims.3]
        shape = extents.prefix(Int(tensor.rank)).map { Int($0) }
        type = ElementType(rawValue: Int(tensor.dtype))
        scale = tensor.scale
        zeroPoint = Int(tensor.zero_point)
        count = tensor.len
        byteCount = tensor.size_bytes
        channelsMoved = tensor.channels_moved != 0
    }
}
