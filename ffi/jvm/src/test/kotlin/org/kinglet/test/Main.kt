package org.kinglet.test

import java.io.File
import kotlin.system.exitProcess
import org.kinglet.KingletException

/**
 * The tests of the JVM classes, without a framework: `main FOLDER` runs all of them over the blobs that `cargo xtask
 * jvm-test` has put into the folder, prints a line for each, and ends with 1 when one fails.
 */
fun main(arguments: Array<String>) {
    val bench = Bench(File(arguments.single()))
    goldenTests(bench)
    tensorTests(bench)
    misuseTests(bench)
    sampleTests(bench)
    threadTests(bench)
    hostileTests(bench)
    memoryTests(bench)
    println("jvm: ${bench.passed} passed, ${bench.failed} failed")
    exitProcess(if (bench.failed == 0 && bench.passed > 0) 0 else 1)
}

/** Runs tests by name and counts how they end. */
class Bench(val folder: File) {
    var passed = 0
        private set
    var failed = 0
        private set

    fun file(name: String): File = File(folder, name)

    fun bytes(name: String): ByteArray = file(name).readBytes()

    fun test(name: String, body: () -> Unit) {
        try {
            body()
            passed += 1
            println("ok       $name")
        } catch (problem: Throwable) {
            failed += 1
            println("FAILED   $name: $problem")
            problem.printStackTrace(System.out)
        }
    }
}

/** The two are equal, or this is said. */
fun <T> assertEqual(found: T, expected: T, what: () -> String = { "a value" }) {
    if (found != expected) throw AssertionError("${what()} is $found, not $expected")
}

fun assertTrue(condition: Boolean, what: () -> String) {
    if (!condition) throw AssertionError("not true: ${what()}")
}

/** `body` throws the exception with that number, whose word and message say what is wrong. */
fun assertFails(number: Int, word: String, body: () -> Unit): KingletException {
    try {
        body()
    } catch (exception: KingletException) {
        assertEqual(exception.number to exception.word, number to word) { "the error" }
        assertTrue("$word ($number)" in exception.message.orEmpty()) { exception.message.orEmpty() }
        return exception
    }
    throw AssertionError("nothing was thrown instead of $word")
}
