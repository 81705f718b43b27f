package org.kinglet.sample

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.graphics.ImageFormat
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.media.ImageReader
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.HandlerThread
import android.widget.TextView
import org.kinglet.KingletException
import org.kinglet.Model

/** Shows the digit that the camera sees. `assets/digits.kgl` is the blob: see docs/android.md. */
class DigitActivity : Activity() {
    private lateinit var text: TextView
    private val thread = HandlerThread("camera")
    private var camera: CameraDevice? = null
    private var images: ImageReader? = null
    private var reader: DigitReader? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        text = TextView(this).apply { textSize = 48f }
        setContentView(text)
        thread.start()
        try {
            reader = DigitReader(assets.open("digits.kgl").use { Model.load(it) })
        } catch (problem: KingletException) {
            text.text = problem.message
            return
        }
        if (Build.VERSION.SDK_INT < 23 || checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            open()
        } else {
            requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
        }
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<out String>, results: IntArray) {
        if (results.firstOrNull() == PackageManager.PERMISSION_GRANTED) open()
    }

    private fun open() {
        val manager = getSystemService(CAMERA_SERVICE) as CameraManager
        val handler = Handler(thread.looper)
        val images = ImageReader.newInstance(640, 480, ImageFormat.YUV_420_888, 2)
        this.images = images
        // One thread reads images, so one session is enough.
        images.setOnImageAvailableListener({ source -> source.acquireLatestImage()?.use { look(it) } }, handler)
        val opened = object : CameraDevice.StateCallback() {
            override fun onOpened(device: CameraDevice) {
                camera = device
                start(device, images, handler)
            }

            override fun onDisconnected(device: CameraDevice) = device.close()

            override fun onError(device: CameraDevice, error: Int) = device.close()
        }
        try {
            manager.openCamera(manager.cameraIdList.first(), opened, handler)
        } catch (problem: SecurityException) {
            text.text = problem.message
        }
    }

    @Suppress("DEPRECATION")
    private fun start(device: CameraDevice, images: ImageReader, handler: Handler) {
        val request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW).apply { addTarget(images.surface) }.build()
        val configured = object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(session: CameraCaptureSession) {
                session.setRepeatingRequest(request, null, handler)
            }

            override fun onConfigureFailed(session: CameraCaptureSession) = session.close()
        }
        device.createCaptureSession(listOf(images.surface), configured, handler)
    }

    private fun look(image: android.media.Image) {
        val gray = image.planes[0]
        val answer = reader?.read(gray.buffer, image.width, image.height, gray.rowStride) ?: return
        runOnUiThread { text.text = getString(R.string.answer, answer.digit, answer.score) }
    }

    override fun onDestroy() {
        camera?.close()
        thread.quitSafely()
        images?.close()
        reader?.close()
        super.onDestroy()
    }
}
