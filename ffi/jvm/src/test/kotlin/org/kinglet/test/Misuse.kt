package org.kinglet.test

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.ReadOnlyBufferException
import org.kinglet.AlignedBlob
import org.kinglet.Model

/** Every wrong use is an exception with its number, and the program goes on. */
fun misuseTests(bench: Bench) {
    val small = { Model.load(bench.file("small.kgl")) }
    bench.test("a closed session") {
        val model = small()
        val session = model.newSession()
        val (input, output) = session.input(0) to session.output(0)
        session.close()
        session.close()
        for (use in listOf<() -> Unit>(
            { session.run() }, { session.step() }, { session.restart() }, { session.reset() }, { session.selfTest() },
            { session.input(0) }, { session.output(0) }, { session.inputFloats(1) }, { session.outputFloats(2) },
            { session.write(0, FloatArray(12)) }, { session.write(0, ByteArray(12)) }, { session.read(0) },
            { session.readBytes(0) },
        )) {
            assertFails(132, "not_a_session", use)
        }
        // Buffers that were given out are memory still, whatever is collected.
        System.gc()
        input.put(ByteArray(12) { 7 })
        assertEqual(input.get(3), 7.toByte())
        assertEqual(output.remaining(), 12)
        model.newSession().use { it.run() }
    }
    bench.test("a closed model") {
        val model = small()
        val session = model.newSession()
        model.close()
        model.close()
        assertEqual(model.isOpen, false)
        assertFails(131, "not_a_model") { model.newSession() }
        assertFails(131, "not_a_model") { session.run() }
        assertFails(131, "not_a_model") { session.input(0) }
        assertFails(131, "not_a_model") { model.inputs[0].quantize(1f) }
        assertEqual(model.inputs[0].name, "samples")
    }
    bench.test("wrong tensors, types and sizes") { wrongTensors(small()) }
    bench.test("wrong blobs") { wrongBlobs(bench) }
    bench.test("more work than was allowed") {
        val bytes = bench.bytes("small.kgl")
        val error = assertFails(80, "work") { Model.load(bytes, maxWork = 10) }
        assertTrue(error.offset > 0 && error.isAboutBlob) { "${error.message}" }
        Model.load(bytes, maxWork = 1000).close()
    }
    bench.test("a stream with too much in it") {
        val stream = ByteArrayInputStream(ByteArray(100_000))
        try {
            AlignedBlob.of(stream, maxBytes = 99_999)
        } catch (refused: IllegalArgumentException) {
            return@test assertTrue("99999" in refused.message.orEmpty()) { "${refused.message}" }
        }
        throw AssertionError("it was read")
    }
}

private fun wrongTensors(model: Model) = model.newSession().use { session ->
    for (index in listOf(-1, 2, 3, Int.MAX_VALUE, Int.MIN_VALUE)) {
        assertFails(136, "no_such_tensor") { session.input(index) }
        assertFails(136, "no_such_tensor") { session.write(index, FloatArray(12)) }
        assertFails(136, "no_such_tensor") { session.write(index, ByteArray(12)) }
    }
    for (index in listOf(-1, 3, Int.MAX_VALUE)) {
        assertFails(136, "no_such_tensor") { session.output(index) }
        assertFails(136, "no_such_tensor") { session.read(index) }
        assertFails(136, "no_such_tensor") { session.readBytes(index) }
    }
    val unknown = assertFails(136, "no_such_tensor") { session.write("sample", FloatArray(12)) }
    assertTrue("`samples`, `level`" in unknown.message.orEmpty()) { "${unknown.message}" }
    assertFails(136, "no_such_tensor") { session.read("samples") }
    assertFails(137, "wrong_type") { session.inputFloats(0) }
    assertFails(137, "wrong_type") { session.outputFloats(0) }
    for (count in listOf(0, 1, 11, 13, 1000)) {
        assertFails(141, "wrong_length") { session.write(0, FloatArray(count)) }
        assertFails(141, "wrong_length") { session.write(0, ByteArray(count)) }
        assertFails(141, "wrong_length") { session.read(0, FloatArray(count)) }
    }
    try {
        session.output(0).put(0, 1)
        throw AssertionError("an output was written")
    } catch (_: ReadOnlyBufferException) {
        // As it should be.
    }
    session.run()
}

private fun wrongBlobs(bench: Bench) {
    assertFails(2, "truncated") { Model.load(ByteArray(0)) }
    assertFails(2, "truncated") { Model.load(ByteBuffer.allocate(0)) }
    assertFails(2, "truncated") { Model.load(ByteBuffer.allocateDirect(0)) }
    assertFails(3, "magic") { Model.load(ByteArray(1000)) }
    val bytes = bench.bytes("small.kgl")
    bytes[bytes.size - 1] = (bytes.last() + 1).toByte()
    val damaged = assertFails(12, "checksum") { Model.load(bytes) }
    assertTrue(damaged.offset > 0 && "byte ${damaged.offset}" in damaged.message.orEmpty()) { "${damaged.message}" }
    assertFails(139, "no_vectors") { Model.load(bench.file("labels.kgl")).selfTest() }
}
