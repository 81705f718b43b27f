plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.kinglet.sample"
    compileSdk = 35
    defaultConfig {
        applicationId = "org.kinglet.sample"
        minSdk = 21
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
    }
    // Stored, so that it can be mapped: see docs/android.md.
    androidResources { noCompress += "kgl" }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    kotlinOptions { jvmTarget = "1.8" }
}

dependencies {
    implementation("org.kinglet:kinglet-android:0.1.0")
}
