package org.kinglet.test

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import org.kinglet.KingletException
import org.kinglet.Model
import org.kinglet.Session

private const val THREADS = 4
private const val RUNS = 500

/** One session is for one thread at a time, one model is for all of them. */
fun threadTests(bench: Bench) {
    bench.test("a session that is in use is busy, and then free again") {
        Model.load(bench.file("small.kgl")).newSession().use { session ->
            val taken = takenWord(session)
            taken.putInt(0, 1)
            for (use in listOf<() -> Unit>(
                { session.run() }, { session.step() }, { session.restart() }, { session.reset() }, { session.selfTest() },
                { session.write(0, FloatArray(12)) }, { session.read(0) },
            )) {
                assertFails(142, "busy", use)
            }
            assertEqual(taken.getInt(0), 1) { "whose turn it is" }
            taken.putInt(0, 0)
            session.run()
            assertEqual(taken.getInt(0), 0) { "whose turn it is" }
        }
    }
    bench.test("threads on one session: each call is right or busy") { oneSession(bench) }
    bench.test("threads on one model: each session computes its own") {
        val model = Model.load(bench.file("tiny.golden.kgl"))
        val failures = inThreads { at ->
            model.newSession().use { session ->
                repeat(RUNS) { run ->
                    val vector = listOf("ramp", "lcg1", "lcg2")[(at + run) % 3]
                    session.input(0).put(goldenInput(vector, model.inputs[0].elements))
                    session.run()
                    assertEqual(session.readBytes(0).toList(), bench.bytes("tiny.$vector.out.bin").toList()) { vector }
                }
            }
        }
        assertEqual(failures, emptyList())
    }
    bench.test("a session that is closed while others run it") {
        val model = Model.load(bench.file("tiny.golden.kgl"))
        val session = model.newSession()
        val failures = inThreads { at ->
            repeat(RUNS) { run ->
                if (at == 0 && run == RUNS / 2) session.close()
                try {
                    session.run()
                } catch (expected: KingletException) {
                    assertTrue(expected.number in listOf(132, 142)) { "${expected.message}" }
                }
            }
        }
        assertEqual(failures, emptyList())
        assertFails(132, "not_a_session") { session.run() }
    }
}

/** The word of the session's handle that says whether a call has it; behind what C programs have. */
private fun takenWord(session: Session): ByteBuffer {
    val memory = Session::class.java.getDeclaredField("memory").apply { isAccessible = true }.get(session)
    val place = memory.javaClass.getDeclaredField("place").apply { isAccessible = true }.get(memory) as ByteBuffer
    // `kinglet_session`: two words of 64 bits, and half a word for each byte of a pointer.
    val offset = 8 * (2 + 8 / 2)
    val part = place.duplicate()
    part.position(offset)
    return part.slice().order(java.nio.ByteOrder.nativeOrder())
}

private fun oneSession(bench: Bench) {
    val model = Model.load(bench.file("tiny.golden.kgl"))
    val session = model.newSession()
    val done = AtomicInteger()
    val failures = inThreads {
        repeat(RUNS) {
            try {
                session.run()
                done.incrementAndGet()
            } catch (busy: KingletException) {
                assertEqual(busy.number, KingletException.BUSY) { "the error" }
            }
        }
    }
    assertEqual(failures, emptyList())
    assertTrue(done.get() >= RUNS) { "${done.get()} of ${THREADS * RUNS} calls had their turn" }
    session.input(0).put(goldenInput("ramp", model.inputs[0].elements))
    session.run()
    assertEqual(session.readBytes(0).toList(), bench.bytes("tiny.ramp.out.bin").toList()) { "afterwards" }
}

/** What the threads threw. */
private fun inThreads(body: (Int) -> Unit): List<Throwable> {
    val failures = java.util.Collections.synchronizedList(ArrayList<Throwable>())
    val threads = List(THREADS) { at ->
        thread {
            try {
                body(at)
            } catch (problem: Throwable) {
                failures.add(problem)
            }
        }
    }
    threads.forEach { it.join() }
    return failures.toList()
}
