package org.kinglet.sample

import java.nio.ByteBuffer
import org.kinglet.Model
import org.kinglet.Session

/** Reads the digit in the middle of a gray image. Names no class of Android, so it can be tested on a JVM. */
class DigitReader(model: Model) : AutoCloseable {
    private val session: Session = model.newSession()
    private val pixels = FloatArray(SIDE * SIDE)

    /** `rows` bytes of brightness behind each other, `stride` bytes from row to row; dark ink on light paper. */
    fun read(gray: ByteBuffer, width: Int, height: Int, stride: Int): Answer {
        val square = minOf(width, height)
        val (left, top) = (width - square) / 2 to (height - square) / 2
        var (darkest, lightest) = 255f to 0f
        for (row in 0 until SIDE) {
            for (column in 0 until SIDE) {
                val light = mean(gray, left + column * square / SIDE, top + row * square / SIDE, square / SIDE, stride)
                darkest = minOf(darkest, light)
                lightest = maxOf(lightest, light)
                pixels[row * SIDE + column] = light
            }
        }
        // The model has seen light digits on a dark ground, from 0 to 255.
        val range = maxOf(lightest - darkest, 1f)
        for (index in pixels.indices) pixels[index] = (lightest - pixels[index]) / range * 255f
        val scores = session.run(pixels)
        val best = scores.indices.maxByOrNull { scores[it] } ?: 0
        return Answer(best, scores[best])
    }

    private fun mean(gray: ByteBuffer, left: Int, top: Int, side: Int, stride: Int): Float {
        var sum = 0
        for (row in top until top + side) {
            for (column in left until left + side) sum += gray.get(row * stride + column).toInt() and 0xff
        }
        return sum.toFloat() / maxOf(side * side, 1)
    }

    override fun close() = session.close()

    data class Answer(val digit: Int, val score: Float)

    companion object {
        const val SIDE = 28
    }
}
