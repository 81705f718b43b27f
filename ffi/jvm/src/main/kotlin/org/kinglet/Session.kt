package org.kinglet

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/**
 * A model with working memory of its own: write the inputs, [run], read the outputs.
 *
 * A session may move between threads, as coroutines do, and is used by one at a time: a call while another one runs throws
 * [KingletException.BUSY] and changes nothing. The buffers of [input] and [output] are the session's memory itself, not
 * copies; who has one can write and read at any time, so keep it to the thread whose turn it is. After [close] such a
 * buffer is memory that nobody uses any more, and safe to touch.
 *
 * Inputs have to be written before each run, which may reuse their memory. Outputs stay until the next run or write.
 */
public class Session internal constructor(
    /** The model that it runs. */
    public val model: Model,
) : AutoCloseable {
    /** What an open session is made of. */
    private class Memory(model: Model.Opened, arenaBytes: Int) {
        val place: ByteBuffer = AlignedBlob.allocate(Native.sessionBytes())
        val arena: ByteBuffer = AlignedBlob.allocate(arenaBytes)

        /** All buffers that a call uses. */
        val all: Array<ByteBuffer> = arrayOf(place, arena, model.place, model.blob)
    }

    @Volatile
    private var memory: Memory? = null
    private val inputs: Array<ByteBuffer>
    private val outputs: Array<ByteBuffer>

    init {
        val opened = model.opened()
        val memory = Memory(opened, model.arenaBytes)
        val status = Native.sessionInit(memory.place, opened.place, memory.arena)
        if (status != 0) throw KingletException.of(status, "a session with ${model.arenaBytes} bytes")
        inputs = Array(model.inputs.size) { locate(memory, false, it) }
        outputs = Array(model.outputs.size) { locate(memory, true, it) }
        this.memory = memory
    }

    /** Bytes of an input where they are, to be written before a run; little-endian. */
    public fun input(index: Int): ByteBuffer = view(buffer(inputs, model.inputs, index))

    /** Elements of an input of floats where they are. */
    public fun inputFloats(index: Int): FloatBuffer {
        val bytes = input(index)
        requireType(model.inputs[index], ElementType.FLOAT32)
        return bytes.asFloatBuffer()
    }

    /** Bytes of an output of the last run where they are; little-endian, and not to be written. */
    public fun output(index: Int): ByteBuffer =
        buffer(outputs, model.outputs, index).asReadOnlyBuffer().order(ByteOrder.nativeOrder())

    /** Elements of an output of floats where they are. */
    public fun outputFloats(index: Int): FloatBuffer {
        val bytes = output(index)
        requireType(model.outputs[index], ElementType.FLOAT32)
        return bytes.asFloatBuffer()
    }

    /**
     * Writes real numbers into an input, whatever its type: rounded to the nearest code, halves away from zero, clamped,
     * not-a-number as the zero point; floats as they are.
     */
    public fun write(index: Int, reals: FloatArray) {
        val memory = opened()
        val status = Native.sessionArray(memory.place, memory.all, false, index, reals)
        check(status) { "${about(model.inputs, index)}, ${reals.size} numbers" }
    }

    /** The same from a buffer, between its position and its limit; a direct one in native order is not copied. */
    public fun write(index: Int, reals: FloatBuffer) {
        if (!reals.isDirect || reals.order() != ByteOrder.nativeOrder() || !reals.hasRemaining()) {
            val copy = FloatArray(reals.remaining())
            reals.duplicate().get(copy)
            return write(index, copy)
        }
        val memory = opened()
        val status = Native.sessionBuffer(memory.place, memory.all, false, index, reals.slice())
        check(status) { "${about(model.inputs, index)}, ${reals.remaining()} numbers" }
    }

    /** Writes codes into an input of integers, or bytes of any type, as they are. */
    public fun write(index: Int, bytes: ByteArray) {
        val input = input(index)
        check(if (bytes.size == input.capacity()) 0 else KingletException.WRONG_LENGTH) {
            "${about(model.inputs, index)} of ${input.capacity()} bytes, ${bytes.size} bytes"
        }
        input.put(bytes)
    }

    /** Writes real numbers into the input of that name. */
    public fun write(name: String, reals: FloatArray): Unit = write(model.input(name).index, reals)

    /** Reads an output of the last run as real numbers, whatever its type. */
    public fun read(index: Int): FloatArray {
        val elements = model.outputs.getOrNull(index)?.elements ?: 0
        return FloatArray(elements).also { read(index, it) }
    }

    /** The same into an array, which has as many elements as the output. */
    public fun read(index: Int, reals: FloatArray) {
        val memory = opened()
        val status = Native.sessionArray(memory.place, memory.all, true, index, reals)
        check(status) { "${about(model.outputs, index)}, room for ${reals.size} numbers" }
    }

    /** Reads the output of that name as real numbers. */
    public fun read(name: String): FloatArray = read(model.output(name).index)

    /** Codes of an output of integers, or bytes of any type, as they are. */
    public fun readBytes(index: Int): ByteArray {
        val output = output(index)
        return ByteArray(output.capacity()).also { output.get(it) }
    }

    /** Runs all operators from the first one on. Blocks; call it where blocking is right (`Dispatchers.Default`). */
    public fun run() {
        val memory = opened()
        check(Native.sessionRun(memory.place, memory.all)) { "a run" }
    }

    /** Writes the first input, runs, and reads the first output. */
    public fun run(reals: FloatArray): FloatArray {
        write(0, reals)
        run()
        return read(0)
    }

    /**
     * Runs the next operator; true when it was the last one: the outputs are ready, and the next step begins a new run.
     * Between two steps a coroutine can see whether it was cancelled.
     */
    public fun step(): Boolean {
        val memory = opened()
        val status = Native.sessionStep(memory.place, memory.all)
        check(maxOf(status, 0)) { "a step" }
        return status < 0
    }

    /** Forgets a run that was begun with [step]. */
    public fun restart() {
        val memory = opened()
        check(Native.sessionRestart(memory.place, memory.all)) { "a restart" }
    }

    /** Makes all that the model keeps from run to run what it was at first. */
    public fun reset() {
        val memory = opened()
        check(Native.sessionReset(memory.place, memory.all)) { "a reset" }
    }

    /** Runs the test vectors that the blob carries and compares every bit; returns how many there are. */
    public fun selfTest(): Int {
        val memory = opened()
        val found = Native.sessionSelfTest(memory.place, memory.all)
        check(maxOf(found, 0).toInt()) { "the self-test" }
        return (-found).toInt()
    }

    /** Makes every later use throw. A run of another thread ends as if nothing had happened. */
    override fun close() {
        memory = null
        inputs.fill(NOTHING)
        outputs.fill(NOTHING)
    }

    private fun opened(): Memory {
        model.opened()
        return memory ?: throw KingletException.of(KingletException.NOT_A_SESSION, "the session")
    }

    private fun locate(memory: Memory, isOutput: Boolean, index: Int): ByteBuffer {
        val (start, bytes) = Model.facts(2) { Native.sessionTensor(memory.place, memory.arena, isOutput, index, it) }
        return Model.part(memory.arena, start.toInt(), bytes.toInt())
    }

    private fun buffer(buffers: Array<ByteBuffer>, tensors: List<Tensor>, index: Int): ByteBuffer {
        opened()
        val buffer = buffers.getOrNull(index)
        return buffer ?: throw KingletException.of(KingletException.NO_SUCH_TENSOR, about(tensors, index))
    }

    private fun view(buffer: ByteBuffer): ByteBuffer = buffer.duplicate().order(ByteOrder.nativeOrder())

    private fun requireType(tensor: Tensor, type: ElementType) {
        check(if (tensor.type == type) 0 else KingletException.WRONG_TYPE) { "$tensor as $type" }
    }

    private inline fun check(status: Int, detail: () -> String) {
        if (status != 0) throw KingletException.of(status, detail())
    }

    private fun about(tensors: List<Tensor>, index: Int): String =
        tensors.getOrNull(index)?.let { "${it.describe()} of ${it.elements} elements" } ?: "tensor $index of ${tensors.size}"

    private companion object {
        val NOTHING: ByteBuffer = ByteBuffer.allocate(0)
    }
}
