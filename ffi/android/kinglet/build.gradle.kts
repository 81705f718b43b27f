// The library from its sources: the Kotlin files of ffi/jvm, and native libraries that cargo has built. Who does not change
// them takes the .aar instead: implementation("org.kinglet:kinglet-android:0.1.0").
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.kinglet"
    compileSdk = 35
    defaultConfig {
        minSdk = 21
        consumerProguardFiles("../../jvm/package/proguard.txt")
    }
    sourceSets["main"].kotlin.srcDir("../../jvm/src/main/kotlin")
    // The folder `jni` of the unpacked .aar.
    sourceSets["main"].jniLibs.srcDir("jni")
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    kotlinOptions { jvmTarget = "1.8" }
}

// Unpacks the libraries of the package that cargo makes.
val libraries by tasks.registering(Copy::class) {
    from(zipTree("../../../target/packages/org/kinglet/kinglet-android/0.1.0/kinglet-android-0.1.0.aar")) { include("jni/**") }
    into(layout.projectDirectory)
}
tasks.named("preBuild") { dependsOn(libraries) }
