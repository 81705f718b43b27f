package org.kinglet

import java.io.File
import java.io.InputStream
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A verified blob. May be shared by any number of threads and sessions.
 *
 * [close] makes the model and its sessions unusable: every later use throws, nothing crashes. Memory is that of byte
 * buffers, which the garbage collector takes back when nobody refers to them any more.
 */
public class Model private constructor(opened: Opened) : AutoCloseable {
    /** What an open model is made of. */
    internal class Opened(val blob: ByteBuffer, val place: ByteBuffer)

    @Volatile
    private var opened: Opened? = opened

    /** Bytes of working memory that a session needs. */
    public val arenaBytes: Int

    /** Steps of a run. */
    public val operatorCount: Int

    /** What a run has to do. */
    public val work: Work

    /** True when runs depend on those before, back to the last [Session.reset]. */
    public val hasState: Boolean

    /** The inputs, in order. */
    public val inputs: List<Tensor>

    /** The outputs, in order. */
    public val outputs: List<Tensor>

    /** What the blob says of itself; none where it says nothing that this version can read. */
    public val manifest: Manifest?

    init {
        val facts = facts(FACTS) { Native.modelFacts(opened.place, it) }
        arenaBytes = facts[0].toInt()
        operatorCount = facts[1].toInt()
        inputs = List(facts[2].toInt()) { describe(opened, false, it) }
        outputs = List(facts[3].toInt()) { describe(opened, true, it) }
        work = Work(facts[4], facts[5], facts[6])
        hasState = facts[7] != 0L
        manifest = Manifest.of(part(opened.blob, facts[8].toInt(), facts[9].toInt()))
    }

    /** Names of the classes by index; empty when the blob has none. */
    public val labels: List<String> get() = manifest?.labels.orEmpty()

    /** The input of that name. */
    public fun input(name: String): Tensor = named(inputs, name)

    /** The output of that name. */
    public fun output(name: String): Tensor = named(outputs, name)

    /** A session of its own memory, at its start. */
    public fun newSession(): Session = Session(this)

    /** Runs the test vectors that the blob carries, in a session of its own; returns how many there are. */
    public fun selfTest(): Int = newSession().use { it.selfTest() }

    override fun close() {
        opened = null
    }

    /** True until it is closed. */
    public val isOpen: Boolean get() = opened != null

    internal fun opened(): Opened = opened ?: throw KingletException.of(KingletException.NOT_A_MODEL, "the model")

    private fun describe(opened: Opened, isOutput: Boolean, index: Int): Tensor {
        val facts = facts(TENSOR_FACTS) { Native.modelTensor(opened.place, isOutput, index, it) }
        val name = ByteArray(facts[1].toInt())
        part(opened.blob, facts[0].toInt(), name.size).get(name)
        return Tensor(
            model = this,
            isOutput = isOutput,
            index = index,
            name = String(name, Charsets.UTF_8),
            shape = List(facts[2].toInt()) { facts[3 + it].toInt() },
            type = ElementType.of(facts[9].toInt()),
            scale = java.lang.Float.intBitsToFloat(facts[7].toInt()),
            zeroPoint = facts[8].toInt(),
            channelsMoved = facts[10] != 0L,
            elements = facts[11].toInt(),
        )
    }

    private fun named(tensors: List<Tensor>, name: String): Tensor = tensors.firstOrNull { it.name == name }
        ?: throw KingletException.of(
            KingletException.NO_SUCH_TENSOR,
            "there is no `$name` among ${tensors.joinToString { "`${it.name}`" }}",
        )

    public companion object {
        /** No limit to what a run may have to do. */
        public const val ANY_WORK: Long = -1

        private const val FACTS = 10
        private const val TENSOR_FACTS = 13

        /**
         * Verifies a blob completely, once. `maxWork` bounds the sum of the numbers of [Work]: for blobs from elsewhere,
         * since a sound one of a few hundred bytes can run for years.
         */
        @JvmStatic
        @JvmOverloads
        public fun load(blob: AlignedBlob, maxWork: Long = ANY_WORK): Model {
            checkVersion()
            val place = AlignedBlob.allocate(Native.modelBytes())
            val status = Native.modelInit(place, blob.memory, maxWork)
            if (status != 0) {
                throw KingletException.of(status, "a blob of ${blob.bytes} bytes", Native.modelErrorOffset(place))
            }
            return Model(Opened(blob.memory, place))
        }

        /** A copy of the bytes, verified. */
        @JvmStatic
        @JvmOverloads
        public fun load(bytes: ByteArray, maxWork: Long = ANY_WORK): Model = load(AlignedBlob.of(bytes), maxWork)

        /** The bytes of a buffer, in place where that is possible ([AlignedBlob.of]), verified. */
        @JvmStatic
        @JvmOverloads
        public fun load(buffer: ByteBuffer, maxWork: Long = ANY_WORK): Model = load(AlignedBlob.of(buffer), maxWork)

        /** A file, mapped and verified. */
        @JvmStatic
        @JvmOverloads
        public fun load(file: File, maxWork: Long = ANY_WORK): Model = load(AlignedBlob.map(file), maxWork)

        /** All that a stream gives, verified: `assets.open("model.kgl").use { Model.load(it) }`. */
        @JvmStatic
        @JvmOverloads
        public fun load(stream: InputStream, maxWork: Long = ANY_WORK): Model = load(AlignedBlob.of(stream), maxWork)

        /** The version of the native library, as `major.minor.patch`. */
        @JvmStatic
        public fun libraryVersion(): String =
            Native.version().let { "${it shr 16}.${it shr 8 and 0xff}.${it and 0xff}" }

        private fun checkVersion() {
            val found = libraryVersion()
            check(found == VERSION) { "libkinglet_jni is version $found, these classes are $VERSION: use one package" }
        }

        /** Numbers that a native function writes. */
        internal fun facts(count: Int, write: (ByteBuffer) -> Int): LongArray {
            val out = AlignedBlob.allocate(count * Long.SIZE_BYTES)
            val status = write(out)
            if (status != 0) throw KingletException.of(status, "what is known of a model")
            return LongArray(count) { out.getLong(it * Long.SIZE_BYTES) }
        }

        /** Some bytes of a buffer as a buffer. */
        internal fun part(memory: ByteBuffer, start: Int, bytes: Int): ByteBuffer {
            val whole = memory.duplicate()
            (whole as Buffer).position(start).limit(start + bytes)
            return whole.slice().order(ByteOrder.nativeOrder())
        }
    }
}

/** The version of these classes. */
internal const val VERSION: String = "0.1.0"
