package org.kinglet.test

import java.nio.ByteBuffer
import org.kinglet.Model
import org.kinglet.sample.DigitReader

private const val WIDTH = 640
private const val HEIGHT = 480
private const val STRIDE = 704

/** What the sample app for Android does with an image of its camera. */
fun sampleTests(bench: Bench) {
    bench.test("the sample app reads a digit of ink on paper") {
        Model.load(bench.file("reader.kgl")).use { model ->
            DigitReader(model).use { reader ->
                assertEqual(reader.read(image { x, y -> x in 310..340 && y in 100..380 }, WIDTH, HEIGHT, STRIDE).digit, 1)
                val ring = image { x, y ->
                    val distance = (x - 320.0) * (x - 320.0) / 0.5 + (y - 240.0) * (y - 240.0)
                    distance in 120.0 * 120.0..165.0 * 165.0
                }
                assertEqual(reader.read(ring, WIDTH, HEIGHT, STRIDE).digit, 0)
            }
        }
    }
}

/** Paper with ink; rows are longer than the image, as cameras have them. */
private fun image(ink: (Int, Int) -> Boolean): ByteBuffer {
    val gray = ByteBuffer.allocateDirect(STRIDE * HEIGHT)
    for (y in 0 until HEIGHT) {
        for (x in 0 until WIDTH) gray.put(y * STRIDE + x, if (ink(x, y)) 40 else 200.toByte())
    }
    return gray
}
