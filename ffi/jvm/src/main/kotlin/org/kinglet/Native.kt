package org.kinglet

import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.FloatBuffer

/**
 * The functions of `libkinglet_jni` (`ffi/src/jni`). They take direct buffers and return a status, 0 for success; nothing
 * is allocated and nothing thrown behind them.
 *
 * A call that uses a session gets `memory`, all buffers that the session is made of: an argument is not collected while
 * the call runs.
 */
internal object Native {
    init {
        NativeLibrary.load()
    }

    @JvmStatic external fun version(): Int

    @JvmStatic external fun statusName(status: Int): String

    @JvmStatic external fun address(buffer: Buffer): Long

    @JvmStatic external fun modelBytes(): Int

    @JvmStatic external fun sessionBytes(): Int

    @JvmStatic external fun modelInit(place: ByteBuffer, blob: ByteBuffer, maxWork: Long): Int

    @JvmStatic external fun modelErrorOffset(place: ByteBuffer): Long

    @JvmStatic external fun modelFacts(place: ByteBuffer, out: ByteBuffer): Int

    @JvmStatic external fun modelTensor(place: ByteBuffer, isOutput: Boolean, index: Int, out: ByteBuffer): Int

    @JvmStatic external fun quantize(place: ByteBuffer, isOutput: Boolean, index: Int, real: Float): Int

    @JvmStatic external fun dequantize(place: ByteBuffer, isOutput: Boolean, index: Int, code: Int): Float

    @JvmStatic external fun sessionInit(place: ByteBuffer, model: ByteBuffer, arena: ByteBuffer): Int

    @JvmStatic external fun sessionTensor(
        place: ByteBuffer,
        arena: ByteBuffer,
        isOutput: Boolean,
        index: Int,
        out: ByteBuffer,
    ): Int

    @JvmStatic external fun sessionRun(place: ByteBuffer, memory: Array<ByteBuffer>): Int

    @JvmStatic external fun sessionStep(place: ByteBuffer, memory: Array<ByteBuffer>): Int

    @JvmStatic external fun sessionRestart(place: ByteBuffer, memory: Array<ByteBuffer>): Int

    @JvmStatic external fun sessionReset(place: ByteBuffer, memory: Array<ByteBuffer>): Int

    @JvmStatic external fun sessionSelfTest(place: ByteBuffer, memory: Array<ByteBuffer>): Long

    @JvmStatic external fun sessionArray(
        place: ByteBuffer,
        memory: Array<ByteBuffer>,
        isOutput: Boolean,
        index: Int,
        reals: FloatArray,
    ): Int

    @JvmStatic external fun sessionBuffer(
        place: ByteBuffer,
        memory: Array<ByteBuffer>,
        isOutput: Boolean,
        index: Int,
        reals: FloatBuffer,
    ): Int
}
