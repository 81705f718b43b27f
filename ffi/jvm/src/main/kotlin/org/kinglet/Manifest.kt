package org.kinglet

import java.nio.Buffer
import java.nio.BufferUnderflowException
import java.nio.ByteBuffer

/** What a blob says for people: who made it of what. The engine does not read it, and nothing is proved about it. */
public class Manifest internal constructor(
    /** The model's name. */
    public val name: String,
    /** The model's version, as its maker counts; may be empty. */
    public val version: String,
    /** The compiler, with its version. */
    public val tool: String,
    /** What the blob was made from: `tflite`, `onnx` or `graph`. */
    public val sourceKind: String,
    /** Bytes of the source file. */
    public val sourceBytes: Long,
    /** CRC-32 of the source file. */
    public val sourceCrc32: Long,
    /** Names of the classes by index; may be empty. */
    public val labels: List<String>,
) {
    internal companion object {
        private const val SCHEMA = 1
        private val SOURCE_KINDS = listOf("tflite", "onnx", "graph")

        /** The manifest in a section, or none where there is none that this version can read. */
        fun of(section: ByteBuffer): Manifest? = try {
            Postcard(section).manifest()
        } catch (_: BufferUnderflowException) {
            null
        } catch (_: NotReadable) {
            null
        }

        private class NotReadable : Exception()

        /** Reads postcard's encoding: numbers of seven bits a byte, lists behind their length. */
        private class Postcard(private val bytes: ByteBuffer) {
            fun manifest(): Manifest {
                if (bytes.get().toInt() != SCHEMA) throw NotReadable()
                val (name, version, tool) = List(3) { text() }
                val kind = SOURCE_KINDS.getOrNull(count()) ?: throw NotReadable()
                val size = number()
                val crc32 = number()
                // Permutations of the axes of inputs and of outputs.
                repeat(2) { repeat(count()) { skip(count()) } }
                return Manifest(name, version, tool, kind, size, crc32, List(count()) { text() })
            }

            private fun number(): Long {
                var value = 0L
                for (shift in 0..63 step 7) {
                    val byte = bytes.get().toLong()
                    value = value or ((byte and 0x7f) shl shift)
                    if (byte and 0x80 == 0L) return value
                }
                throw NotReadable()
            }

            /** A length, which is never more than the bytes that are left. */
            private fun count(): Int {
                val count = number()
                if (count < 0 || count > bytes.remaining()) throw NotReadable()
                return count.toInt()
            }

            private fun skip(count: Int) {
                (bytes as Buffer).position(bytes.position() + count)
            }

            private fun text(): String {
                val length = count()
                if (length > bytes.remaining()) throw NotReadable()
                val text = ByteArray(length)
                bytes.get(text)
                return String(text, Charsets.UTF_8)
            }
        }
    }
}
