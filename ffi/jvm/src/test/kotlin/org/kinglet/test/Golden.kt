package org.kinglet.test

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import kotlin.math.abs
import org.kinglet.AlignedBlob
import org.kinglet.ElementType
import org.kinglet.Model
import org.kinglet.Session

/** The inputs of `tests/golden/README.md`. */
fun goldenInput(vector: String, count: Int): ByteArray {
    if (vector == "ramp") return ByteArray(count) { ((it * 37 + 11) % 256 - 128).toByte() }
    var state = vector.removePrefix("lcg").toInt()
    return ByteArray(count) {
        state = state * 1664525 + 1013904223
        ((state ushr 24) - 128).toByte()
    }
}

/** Every way in which a blob comes. */
private val SOURCES: List<Pair<String, (Bench, String) -> Model>> = listOf(
    "array" to { bench, name -> Model.load(bench.bytes(name)) },
    "file" to { bench, name -> Model.load(bench.file(name)) },
    "stream" to { bench, name -> Model.load(ByteArrayInputStream(bench.bytes(name))) },
    "heap buffer" to { bench, name -> Model.load(ByteBuffer.wrap(bench.bytes(name))) },
    "misaligned buffer" to { bench, name -> Model.load(misaligned(bench.bytes(name))) },
)

/** The bytes in a direct buffer whose address is odd. */
fun misaligned(bytes: ByteArray): ByteBuffer {
    val memory = ByteBuffer.allocateDirect(bytes.size + 1)
    memory.position(1)
    memory.put(bytes)
    memory.position(1)
    return memory.slice()
}

/** All golden models, all vectors, by runs and by steps, and the vectors that the blob carries. */
fun goldenTests(bench: Bench) {
    val models = bench.folder.list().orEmpty().filter { it.endsWith(".golden.kgl") }.sorted()
    bench.test("there are golden models") { assertTrue(models.size >= 4) { "models: $models" } }
    for (file in models) {
        val name = file.removeSuffix(".golden.kgl")
        val vectors = listOf("ramp", "lcg1", "lcg2").filter { bench.file("$name.$it.out.bin").isFile }
        bench.test("golden $name") {
            assertTrue(vectors.isNotEmpty()) { "$name has vectors" }
            Model.load(bench.file(file)).use { model ->
                model.newSession().use { session -> vectors.forEach { replay(bench, session, name, it) } }
                assertTrue(model.selfTest() > 0) { "the blob carries vectors" }
            }
        }
    }
    for ((source, load) in SOURCES) {
        bench.test("golden tiny from $source") {
            load(bench, "tiny.golden.kgl").use { model ->
                model.newSession().use { session -> replay(bench, session, "tiny", "lcg1") }
            }
        }
    }
    bench.test("memory at a multiple of 16 is used where it is") {
        val bytes = bench.bytes("tiny.golden.kgl")
        val memory = ByteBuffer.allocateDirect(bytes.size + 16)
        val start = (0 until 16).first { AlignedBlob.of(sliced(memory, it)).sharesMemory(memory, it) }
        memory.position(start)
        memory.put(bytes)
        memory.position(start).limit(start + bytes.size)
        Model.load(memory).use { model -> replay(bench, model.newSession(), "tiny", "ramp") }
    }
}

private fun sliced(memory: ByteBuffer, start: Int): ByteBuffer {
    val part = memory.duplicate()
    part.position(start)
    return part.slice()
}

/** A byte that is written into the buffer is in the blob as well: whether it is the same memory. */
private fun AlignedBlob.sharesMemory(memory: ByteBuffer, start: Int): Boolean {
    val field = AlignedBlob::class.java.getDeclaredField("memory").apply { isAccessible = true }
    val own = field.get(this) as ByteBuffer
    memory.put(start, 77)
    val seen = own.get(0) == 77.toByte()
    memory.put(start, 0)
    return seen && own.get(0) == 0.toByte()
}

private fun replay(bench: Bench, session: Session, name: String, vector: String) {
    val input = session.model.inputs.single()
    val expected = bench.bytes("$name.$vector.out.bin")
    val codes = goldenInput(vector, input.elements)
    for (round in 0 until 3) {
        when (input.type) {
            ElementType.FLOAT32 -> session.write(0, FloatArray(codes.size) { codes[it] + 128f })
            else -> session.input(0).put(codes)
        }
        if (round == 1) {
            var steps = 1
            while (!session.step()) steps += 1
            assertEqual(steps, session.model.operatorCount) { "steps" }
        } else {
            session.run()
        }
        compare(session, expected, "$name.$vector")
    }
}

private fun compare(session: Session, expected: ByteArray, what: String) {
    val output = session.model.outputs.single()
    if (output.type != ElementType.FLOAT32) {
        assertEqual(session.readBytes(0).toList(), expected.toList()) { what }
        return
    }
    val right = ByteBuffer.wrap(expected).order(java.nio.ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    val found = session.outputFloats(0)
    assertEqual(found.remaining(), right.remaining()) { "elements of $what" }
    for (index in 0 until right.remaining()) {
        assertTrue(abs(found.get(index) - right.get(index)) <= 1e-5f) { "$what[$index]: ${found.get(index)}, ${right.get(index)}" }
    }
}
