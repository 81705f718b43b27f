package org.kinglet

/**
 * What went wrong. [number] and [word] are those of `kinglet.h` and do not change between versions; numbers that this
 * class has no constant for may come from a newer library.
 */
public class KingletException internal constructor(
    /** The stable number, such as [CHECKSUM]. */
    public val number: Int,
    /** The stable word for it, such as `checksum`. */
    public val word: String,
    /** Byte offset in the blob of what is wrong, where the blob is at fault; else -1. */
    public val offset: Long,
    message: String,
) : RuntimeException(message) {
    /** True when the blob is not to be used: damaged, of another version, or beyond what this library can do. */
    public val isAboutBlob: Boolean get() = number in 1..127

    public companion object {
        /** The bytes are shorter than a blob. */
        public const val TRUNCATED: Int = 2

        /** The bytes are no blob. */
        public const val MAGIC: Int = 3

        /** A section of the blob is damaged. */
        public const val CHECKSUM: Int = 12

        /** The model has more to do in a run than it was allowed. */
        public const val WORK: Int = 80

        /** The model is closed. */
        public const val NOT_A_MODEL: Int = 131

        /** The session is closed. */
        public const val NOT_A_SESSION: Int = 132

        /** The model has no such input or output. */
        public const val NO_SUCH_TENSOR: Int = 136

        /** The tensor has another element type. */
        public const val WRONG_TYPE: Int = 137

        /** The blob's memory is no longer what was verified. */
        public const val BLOB_CHANGED: Int = 138

        /** The blob carries no test vectors. */
        public const val NO_VECTORS: Int = 139

        /** An output is not what the compiler computed. */
        public const val VECTOR_MISMATCH: Int = 140

        /** The tensor has another number of elements. */
        public const val WRONG_LENGTH: Int = 141

        /** Two threads use one session at once. */
        public const val BUSY: Int = 142

        /** The exception for a status; `detail` says what was asked for. */
        internal fun of(status: Int, detail: String, offset: Long = -1): KingletException {
            val word = Native.statusName(status)
            val place = if (offset >= 0) " at byte $offset of the blob" else ""
            return KingletException(status, word, offset, "$word ($status)$place: $detail; ${advice(status)}")
        }

        /** What to do about it. */
        private fun advice(status: Int): String = when (status) {
            in 1..14 -> "the bytes are not a whole blob of this format: compare them with the file that the compiler wrote"
            WORK -> "raise maxWork if the model is trusted"
            in 64..127 -> "compile the model again, for the target `portable` and with the compiler of this version"
            NOT_A_MODEL -> "the model is closed: keep it open while it is used"
            NOT_A_SESSION -> "the session is closed: make another one"
            NO_SUCH_TENSOR -> "Model.inputs and Model.outputs list what there is"
            WRONG_TYPE -> "Tensor.type says which there is; write() and read() take real numbers for every type"
            WRONG_LENGTH -> "Tensor.elements says how many there are"
            BLOB_CHANGED -> "a blob's memory or file must not change while its model is open"
            NO_VECTORS -> "compile it with --golden N"
            VECTOR_MISMATCH -> "the library or the machine computes something else than the compiler did; do not use it"
            BUSY -> "give each thread a session of its own, or take turns"
            else -> "this is a defect of Kinglet"
        }
    }
}
