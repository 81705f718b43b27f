package org.kinglet.test

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import org.kinglet.ElementType
import org.kinglet.Model

/** What is known of tensors, and every way to write and read them. */
fun tensorTests(bench: Bench) {
    bench.test("facts of the small model") { smallFacts(bench) }
    bench.test("typed buffers of the small model") { smallBuffers(bench) }
    bench.test("real numbers become codes and codes real numbers") { realNumbers(bench) }
    bench.test("buffers of floats, direct and not") { floatBuffers(bench) }
    bench.test("names of the classes, and where the blob is from") { labels(bench) }
    bench.test("state is kept by runs and forgotten by a reset") { state(bench) }
}

/** See `ffi/c-tests/small_model.h`. */
private fun smallFacts(bench: Bench) = Model.load(bench.file("small.kgl")).use { model ->
    assertEqual(model.inputs.map { it.name }, listOf("samples", "level"))
    assertEqual(model.outputs.map { it.name }, listOf("flipped", "sums", "clamped"))
    assertEqual(model.input("samples").shape, listOf(1, 2, 2, 3))
    assertEqual(model.input("level").type, ElementType.FLOAT32)
    assertEqual(model.output("sums").elements to model.output("sums").bytes, 5 to 5)
    assertEqual(model.output("clamped").bytes, 16)
    assertEqual(listOf(model.arenaBytes, model.operatorCount), listOf(96, 3))
    assertEqual(listOf(model.work.macs, model.work.elements), listOf(60L, 49L))
    assertEqual(model.hasState, false)
    assertEqual(model.outputs[1].index, 1)
    assertEqual(Model.libraryVersion(), "0.1.0")
    assertEqual(model.inputs[0].toString(), "input 0 `samples` INT8[1, 2, 2, 3]")
}

private fun smallBuffers(bench: Bench) = Model.load(bench.file("small.kgl")).use { model ->
    model.newSession().use { session ->
        val samples = ByteArray(12) { (it * 21 - 128).toByte() }
        session.write(0, samples)
        val levels = session.inputFloats(1)
        levels.put(floatArrayOf(-1f, 0.5f, 6f, 7f))
        session.run()
        assertEqual(session.readBytes(0).toList(), samples.map { (-it - 1).toByte() })
        assertEqual(List(4) { session.outputFloats(2).get(it) }, listOf(0f, 0.5f, 6f, 6f))
        assertEqual(session.output(2).remaining(), 16)
        assertEqual(session.output(0).isReadOnly, true)
        assertEqual(session.output(0).isDirect && session.input(0).isDirect, true)
        assertTrue(session.selfTest() == 2) { "two vectors" }
    }
}

/** -x - 1, less the zero point 2, times the scale 0.5. */
private fun realNumbers(bench: Bench) = Model.load(bench.file("small.kgl")).use { model ->
    val (input, output) = model.input("samples") to model.output("flipped")
    model.newSession().use { session ->
        val reals = FloatArray(12) { (it - 5) * 13.3f }
        reals[3] = Float.NaN
        reals[4] = Float.POSITIVE_INFINITY
        reals[5] = -1e30f
        session.write("samples", reals)
        val codes = session.input(0)
        reals.forEachIndexed { index, real ->
            assertEqual(codes.get(index).toInt(), input.quantize(real)) { "code $index" }
            val rounded = Math.rint((real / input.scale).toDouble()) + input.zeroPoint
            val expected = if (real.isNaN()) input.zeroPoint else rounded.coerceIn(-128.0, 127.0).toInt()
            assertEqual(input.quantize(real), expected) { "quantize($real)" }
        }
        session.write("level", FloatArray(4))
        session.run()
        val read = session.read("flipped")
        session.readBytes(0).forEachIndexed { index, code ->
            assertEqual(read[index], (code - output.zeroPoint) * output.scale) { "real $index" }
            assertEqual(output.dequantize(code.toInt()), read[index]) { "dequantize $index" }
        }
        assertTrue(output.scale == 0.5f && output.zeroPoint == 2) { "$output" }
    }
}

private fun floatBuffers(bench: Bench) = Model.load(bench.file("small.kgl")).use { model ->
    model.newSession().use { session ->
        val reals = FloatArray(12) { it * 3.25f - 20f }
        session.write(0, reals)
        val expected = ByteArray(12).also { session.input(0).get(it) }.toList()
        val direct = { order: ByteOrder ->
            val buffer = ByteBuffer.allocateDirect(14 * 4).order(order).asFloatBuffer()
            buffer.position(1)
            buffer.put(reals)
            buffer.flip().position(1)
            buffer as FloatBuffer
        }
        for (buffer in listOf(FloatBuffer.wrap(reals), direct(ByteOrder.LITTLE_ENDIAN), direct(ByteOrder.BIG_ENDIAN))) {
            session.input(0).put(ByteArray(12))
            session.write(0, buffer)
            assertEqual(ByteArray(12).also { session.input(0).get(it) }.toList(), expected) { "$buffer" }
            assertEqual(buffer.remaining(), 12) { "what a buffer has left" }
        }
        assertFails(141, "wrong_length") { session.write(0, FloatBuffer.allocate(13)) }
        assertFails(141, "wrong_length") { session.write(0, ByteBuffer.allocateDirect(44).order(ByteOrder.nativeOrder()).asFloatBuffer()) }
        assertFails(141, "wrong_length") { session.write(0, FloatBuffer.allocate(0)) }
    }
}

private fun labels(bench: Bench) {
    Model.load(bench.file("labels.kgl")).use { model ->
        assertEqual(model.labels, listOf("zero", "one", "two", "three", "four", "five", "six", "seven", "eight “8”", "nine"))
        val manifest = model.manifest ?: throw AssertionError("there is no manifest")
        assertEqual(manifest.sourceKind, "onnx")
        assertTrue(manifest.tool.startsWith("kinglet ")) { manifest.tool }
        assertEqual(manifest.sourceBytes, bench.bytes("labels.source.txt").decodeToString().trim().toLong())
    }
    // A blob that was built without one.
    Model.load(bench.file("small.kgl")).use { assertEqual(it.labels, emptyList()) }
}

private fun state(bench: Bench) = Model.load(bench.file("stream.kgl")).use { model ->
    val (inputs, expected) = bench.bytes("stream.in.bin") to bench.bytes("stream.out.bin")
    val size = model.inputs[0].bytes
    val step = model.outputs[0].bytes
    val steps = inputs.size / size
    assertTrue(model.hasState && steps > 2 && expected.size == steps * step) { "a model with state, $steps steps" }
    val session = model.newSession()
    val sequence = { List(steps) { at ->
        session.write(0, inputs.copyOfRange(at * size, (at + 1) * size))
        session.run()
        session.readBytes(0).toList()
    } }
    val right = List(steps) { at -> expected.copyOfRange(at * step, (at + 1) * step).toList() }
    assertEqual(sequence(), right) { "the first sequence" }
    assertTrue(sequence() != right) { "what was before makes a difference" }
    session.reset()
    assertEqual(sequence(), right) { "the sequence after a reset" }
    assertTrue(model.selfTest() > 0) { "the blob carries its sequence" }
}
