package org.kinglet

import java.io.File

/**
 * Finds `libkinglet_jni`. On Android it is in the package; a desktop's jar has it as a resource, which is copied to a
 * temporary file, since a library is loaded from a file. The property [PROPERTY] names another file.
 */
internal object NativeLibrary {
    private const val PROPERTY = "kinglet.library"
    private const val NAME = "kinglet_jni"

    fun load() {
        val named = System.getProperty(PROPERTY)
        when {
            named != null -> System.load(File(named).absolutePath)
            isAndroid() -> System.loadLibrary(NAME)
            else -> System.load(unpacked().absolutePath)
        }
    }

    private fun isAndroid(): Boolean = System.getProperty("java.vm.name") == "Dalvik"

    /** The resource of this machine as a file, which goes when the program ends. */
    private fun unpacked(): File {
        val resource = "/org/kinglet/native/${machine()}/${System.mapLibraryName(NAME)}"
        val content = NativeLibrary::class.java.getResourceAsStream(resource)
            ?: throw UnsatisfiedLinkError(
                "this jar has no $resource; build libkinglet for this machine (`cargo build --release --features jni` in " +
                    "ffi/) and name the file: -D$PROPERTY=FILE",
            )
        val file = File.createTempFile(NAME, System.mapLibraryName(""))
        file.deleteOnExit()
        content.use { from -> file.outputStream().use { to -> from.copyTo(to) } }
        return file
    }

    /** `linux-x86_64`, `macos-aarch64`, ... */
    private fun machine(): String {
        val name = System.getProperty("os.name").orEmpty().lowercase()
        val system = when {
            name.startsWith("mac") -> "macos"
            name.startsWith("windows") -> "windows"
            else -> "linux"
        }
        val processor = when (val arch = System.getProperty("os.arch").orEmpty()) {
            "amd64", "x86_64" -> "x86_64"
            "arm64", "aarch64" -> "aarch64"
            else -> arch
        }
        return "$system-$processor"
    }
}
