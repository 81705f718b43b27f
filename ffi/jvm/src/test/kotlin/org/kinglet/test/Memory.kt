package org.kinglet.test

import java.io.File
import java.lang.management.BufferPoolMXBean
import java.lang.management.ManagementFactory
import org.kinglet.Model

private const val SESSIONS = 100_000

/** By then everything that is collected now and then has been so: memory beside the heap is 16 MB at most. */
private const val WARM_UP = 30_000

/** Room for the collector's moods; the sessions behind the warm-up would be beyond it with a leak of 1 kB each. */
private const val GROWTH_KIB = 64 * 1024

/** What may be left when no session is: the tests' own buffers. */
private const val LEFT_BYTES = 1L shl 20

/** Sessions come and go without a leak, and without `close` too. */
fun memoryTests(bench: Bench) {
    bench.test("$SESSIONS sessions") {
        Model.load(bench.file("tiny.golden.kgl")).use { model ->
            val expected = bench.bytes("tiny.ramp.out.bin").toList()
            val input = goldenInput("ramp", model.inputs[0].elements)
            repeat(WARM_UP) { once(model, input, expected, it) }
            val before = residentKib()
            repeat(SESSIONS - WARM_UP) { once(model, input, expected, it) }
            val growth = residentKib() - before
            val left = leftBytes()
            println("         $growth KiB more than after $WARM_UP sessions; $left bytes are left in direct buffers")
            assertTrue(growth < GROWTH_KIB) { "grown by $growth KiB" }
            assertTrue(left < LEFT_BYTES) { "$left bytes are left" }
        }
    }
    bench.test("models come and go") {
        val bytes = bench.bytes("small.kgl")
        repeat(20_000) { Model.load(bytes).use { model -> model.newSession().run() } }
        val left = leftBytes()
        assertTrue(left < LEFT_BYTES) { "$left bytes are left" }
    }
}

private fun once(model: Model, input: ByteArray, expected: List<Byte>, at: Int) {
    val session = model.newSession()
    session.input(0).put(input)
    // Not each of them: what counts here are sessions.
    if (at % 64 == 0) {
        session.run()
        assertEqual(session.readBytes(0).toList(), expected) { "session $at" }
    }
    // Every other one is left to the collector.
    if (at % 2 == 0) session.close()
}

/** Bytes of direct buffers when the collector is through; it frees them behind its back, so it is asked repeatedly. */
private fun leftBytes(): Long {
    val pool = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean::class.java).first { it.name == "direct" }
    repeat(ROUNDS) {
        System.gc()
        if (pool.memoryUsed < LEFT_BYTES) return pool.memoryUsed
        Thread.sleep(PAUSE_MILLISECONDS)
    }
    return pool.memoryUsed
}

private const val ROUNDS = 200
private const val PAUSE_MILLISECONDS = 50L

/** Resident memory of this process; 0 where the system does not tell. */
private fun residentKib(): Long {
    System.gc()
    val status = File("/proc/self/status")
    if (!status.isFile) return 0
    val line = status.readLines().first { it.startsWith("VmRSS:") }
    return line.filter { it.isDigit() }.toLong()
}
