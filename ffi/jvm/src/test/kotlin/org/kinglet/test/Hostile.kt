package org.kinglet.test

import java.util.Random
import org.kinglet.KingletException
import org.kinglet.Model

private const val SEED = 20261130L
private const val DAMAGES = 20_000

/** Bytes from anywhere are refused by an exception, or run within their memory. */
fun hostileTests(bench: Bench) {
    val small = bench.bytes("small.kgl")
    bench.test("every length of a blob that is cut off") {
        for (length in small.indices) {
            assertTrue(isRefused(small.copyOf(length))) { "the first $length bytes" }
        }
        assertTrue(!isRefused(small)) { "the whole blob" }
    }
    bench.test("every bit of a blob turned around") {
        for (bit in 0 until small.size * 8) {
            val damaged = small.copyOf()
            damaged[bit / 8] = (damaged[bit / 8].toInt() xor (1 shl (bit % 8))).toByte()
            isRefused(damaged)
        }
    }
    bench.test("blobs of random damage, seed $SEED") {
        val random = Random(SEED)
        var refused = 0
        repeat(DAMAGES) {
            val damaged = small.copyOf(random.nextInt(small.size + 64))
            repeat(1 + random.nextInt(8)) {
                if (damaged.isNotEmpty()) damaged[random.nextInt(damaged.size)] = random.nextInt(256).toByte()
            }
            if (isRefused(damaged)) refused += 1
        }
        assertTrue(refused > DAMAGES * 9 / 10) { "$refused of $DAMAGES were refused" }
    }
    bench.test("memory of a blob that changes while it is used") { changingBlob(bench) }
}

/** Whether it is refused; what is not refused is run. */
private fun isRefused(bytes: ByteArray): Boolean = try {
    Model.load(bytes).use { model -> model.newSession().use { it.run() } }
    false
} catch (refused: KingletException) {
    assertTrue(refused.isAboutBlob) { "${refused.message}" }
    true
}

/** Noise or `blob_changed`, nothing else. */
private fun changingBlob(bench: Bench) {
    val bytes = bench.bytes("small.kgl")
    val memory = java.nio.ByteBuffer.allocateDirect(bytes.size + 4096)
    val random = Random(SEED)
    repeat(200) { round ->
        // A page's start is a multiple of 16, whatever the JVM aligns to.
        val start = (0 until 16).first { offset -> tryLoad(memory, offset, bytes) }
        val part = memory.duplicate()
        part.position(start)
        part.limit(start + bytes.size)
        Model.load(part.slice()).use { model ->
            val session = model.newSession()
            memory.put(start + random.nextInt(bytes.size), round.toByte())
            try {
                session.run()
            } catch (changed: KingletException) {
                assertEqual(changed.number, KingletException.BLOB_CHANGED) { "the error" }
            }
        }
    }
}

/** Writes the blob there and says whether it is used in place: then a change shows. */
private fun tryLoad(memory: java.nio.ByteBuffer, start: Int, bytes: ByteArray): Boolean {
    val part = memory.duplicate()
    part.position(start)
    part.put(bytes)
    part.position(start)
    part.limit(start + bytes.size)
    val blob = org.kinglet.AlignedBlob.of(part.slice())
    memory.put(start, (bytes[0] + 1).toByte())
    val isShared = try {
        Model.load(blob).close()
        false
    } catch (_: KingletException) {
        true
    }
    memory.put(start, bytes[0])
    return isShared
}
