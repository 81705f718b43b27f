package org.kinglet

import java.io.File
import java.io.FileInputStream
import java.io.InputStream
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/**
 * The bytes of a blob where the engine can use them: outside of the heap, at an address that is a multiple of 16. They
 * are verified by [Model.load] only.
 *
 * A file that is mapped and a suitable direct buffer are used where they are; everything else is copied once.
 */
public class AlignedBlob private constructor(internal val memory: ByteBuffer) {
    /** Its length in bytes. */
    public val bytes: Int get() = memory.capacity()

    public companion object {
        internal const val ALIGNMENT = 16

        /** A copy of an array. */
        @JvmStatic
        public fun of(bytes: ByteArray): AlignedBlob {
            val memory = allocate(bytes.size)
            memory.put(bytes)
            (memory as Buffer).clear()
            return AlignedBlob(memory)
        }

        /**
         * What is between the buffer's position and its limit: where it is if that is memory outside of the heap at a
         * multiple of 16, else a copy. Memory that is used where it is must not change while a model uses it.
         */
        @JvmStatic
        public fun of(buffer: ByteBuffer): AlignedBlob {
            val part = buffer.slice()
            if (part.isDirect && part.capacity() > 0 && Native.address(part) % ALIGNMENT == 0L) {
                return AlignedBlob(part)
            }
            val memory = allocate(part.capacity())
            memory.put(part)
            (memory as Buffer).clear()
            return AlignedBlob(memory)
        }

        /**
         * All that a stream gives, up to its end; for an app's assets and for downloads. The stream is not closed.
         * `maxBytes` bounds what a stream from elsewhere can make this program allocate.
         */
        @JvmStatic
        @JvmOverloads
        public fun of(stream: InputStream, maxBytes: Int = Int.MAX_VALUE): AlignedBlob {
            val chunk = ByteArray(CHUNK_BYTES)
            val chunks = ArrayList<ByteArray>()
            var total = 0L
            while (true) {
                val count = stream.read(chunk)
                if (count < 0) break
                total += count
                require(total <= maxBytes) { "the stream has more than $maxBytes bytes; raise maxBytes if it may" }
                chunks.add(chunk.copyOf(count))
            }
            val memory = allocate(total.toInt())
            chunks.forEach { memory.put(it) }
            (memory as Buffer).clear()
            return AlignedBlob(memory)
        }

        /** A file, mapped: its pages are read when they are needed. The file must not change while a model uses it. */
        @JvmStatic
        public fun map(file: File): AlignedBlob = FileInputStream(file).use { input -> map(input.channel, 0, file.length()) }

        /**
         * A part of a file, such as an asset that is stored without compression in an app's package: where `offset` is
         * not a multiple of 16 it is copied.
         */
        @JvmStatic
        public fun map(channel: FileChannel, offset: Long, bytes: Long): AlignedBlob {
            require(bytes <= Int.MAX_VALUE) { "a blob has less than 2 GB, this file has $bytes bytes" }
            return of(channel.map(FileChannel.MapMode.READ_ONLY, offset, bytes))
        }

        private const val CHUNK_BYTES = 64 * 1024

        /** Zeroed memory at a multiple of [ALIGNMENT]. */
        internal fun allocate(bytes: Int): ByteBuffer {
            val memory = ByteBuffer.allocateDirect(bytes + ALIGNMENT)
            val start = (-Native.address(memory)).mod(ALIGNMENT)
            (memory as Buffer).position(start).limit(start + bytes)
            return memory.slice().order(ByteOrder.nativeOrder())
        }
    }
}
