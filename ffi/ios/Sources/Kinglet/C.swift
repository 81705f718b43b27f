import CKinglet

/// Every function of `kinglet.h` that this package calls, with the type that Swift gives it. A test of the project compares
/// each line with the header; no other file names a function of C.
enum C {
    static var version: () -> UInt32 { kinglet_version }
    static var statusName: (kinglet_status) -> UnsafePointer<CChar>? { kinglet_status_name }
    static var modelInit: (UnsafeMutablePointer<kinglet_model>?, UnsafeRawPointer?, Int) -> kinglet_status { kinglet_model_init }
    static var modelInitWithin: (UnsafeMutablePointer<kinglet_model>?, UnsafeRawPointer?, Int, UInt64) -> kinglet_status { kinglet_model_init_within }
    static var modelError: (UnsafePointer<kinglet_model>?, UnsafeMutablePointer<UInt32>?) -> kinglet_status { kinglet_model_error }
    static var modelArenaBytes: (UnsafePointer<kinglet_model>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_model_arena_bytes }
    static var modelOperatorCount: (UnsafePointer<kinglet_model>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_model_operator_count }
    static var modelInputCount: (UnsafePointer<kinglet_model>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_model_input_count }
    static var modelOutputCount: (UnsafePointer<kinglet_model>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_model_output_count }
    static var modelInput: (UnsafePointer<kinglet_model>?, Int, UnsafeMutablePointer<kinglet_tensor>?) -> kinglet_status { kinglet_model_input }
    static var modelOutput: (UnsafePointer<kinglet_model>?, Int, UnsafeMutablePointer<kinglet_tensor>?) -> kinglet_status { kinglet_model_output }
    static var sessionInit: (UnsafeMutablePointer<kinglet_session>?, UnsafePointer<kinglet_model>?, UnsafeMutableRawPointer?, Int) -> kinglet_status { kinglet_session_init }
    static var sessionInput: (UnsafeMutablePointer<kinglet_session>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_session_input }
    static var sessionOutput: (UnsafePointer<kinglet_session>?, Int, UnsafeMutablePointer<UnsafeRawPointer?>?, UnsafeMutablePointer<Int>?) -> kinglet_status { kinglet_session_output }
    static var sessionWriteInput: (UnsafeMutablePointer<kinglet_session>?, Int, UnsafePointer<Float>?, Int) -> kinglet_status { kinglet_session_write_input }
    static var sessionReadOutput: (UnsafePointer<kinglet_session>?, Int, UnsafeMutablePointer<Float>?, Int) -> kinglet_status { kinglet_session_read_output }
    static var sessionRun: (UnsafeMutablePointer<kinglet_session>?) -> kinglet_status { kinglet_session_run }
    static var sessionStep: (UnsafeMutablePointer<kinglet_session>?, UnsafeMutablePointer<UInt8>?) -> kinglet_status { kinglet_session_step }
    static var sessionRestart: (UnsafeMutablePointer<kinglet_session>?) -> kinglet_status { kinglet_session_restart }
    static var sessionReset: (UnsafeMutablePointer<kinglet_session>?) -> kinglet_status { kinglet_session_reset }
    static var sessionSelfTest: (UnsafeMutablePointer<kinglet_session>?, UnsafeMutablePointer<UInt32>?) -> kinglet_status { kinglet_session_self_test }
}
