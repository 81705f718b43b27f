package org.kinglet

/** What the elements of a tensor are, with the numbers that blobs have for them. */
public enum class ElementType(
    /** The number in blobs and in `kinglet.h`. */
    public val tag: Int,
    /** Bytes of an element. */
    public val bytes: Int,
) {
    /** Quantized 8-bit integers: `real = scale * (code - zeroPoint)`. */
    INT8(0, 1),

    /** Floats. */
    FLOAT32(1, 4),

    /** Quantized 16-bit integers. */
    INT16(2, 2),

    /** 32-bit integers. */
    INT32(3, 4),

    /** Quantized unsigned 8-bit integers. */
    UINT8(4, 1),

    /** One byte, 0 or 1. */
    BOOL(5, 1);

    internal companion object {
        fun of(tag: Int): ElementType = entries.first { it.tag == tag }
    }
}

/** An input or an output of a model. */
public class Tensor internal constructor(
    private val model: Model,
    private val isOutput: Boolean,
    /** Which of the inputs, or of the outputs, counted from 0. */
    public val index: Int,
    /** The source model's name for it. */
    public val name: String,
    /** Extent of each axis, slowest first. */
    public val shape: List<Int>,
    /** What its elements are. */
    public val type: ElementType,
    /** `real = scale * (code - zeroPoint)`; 1 for floats. */
    public val scale: Float,
    /** 0 for floats. */
    public val zeroPoint: Int,
    /** True when the source model has it channels-first; here it is channels-last. */
    public val channelsMoved: Boolean,
    /** Number of elements. */
    public val elements: Int,
) {
    /** Number of bytes. */
    public val bytes: Int get() = elements * type.bytes

    /** The code that stands for a real number: rounded, halves away from zero, clamped to the type. */
    public fun quantize(real: Float): Int = Native.quantize(model.opened().place, isOutput, index, real)

    /** The real number that a code stands for. */
    public fun dequantize(code: Int): Float = Native.dequantize(model.opened().place, isOutput, index, code)

    override fun toString(): String = "${describe()} $type$shape"

    internal fun describe(): String = "${if (isOutput) "output" else "input"} $index `$name`"
}

/** What a run has to do; how long that takes is up to the processor. */
public data class Work(
    /** Multiplications of an activation with a weight. */
    public val macs: Long,
    /** Elements that the windows of pools and means look at. */
    public val taps: Long,
    /** Elements that are read and written. */
    public val elements: Long,
)
