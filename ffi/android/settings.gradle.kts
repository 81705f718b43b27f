pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}
dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
        // Where `cargo xtask package --android --out target/packages` has put the .aar.
        maven(url = uri("../../target/packages"))
    }
}
rootProject.name = "kinglet-android"
include(":kinglet", ":sample")
