// The calls of TensorFlow Lite Micro's interpreter over kinglet.h, for firmware that moves: C++11, header only, no heap,
// no exceptions. docs/migrating-from-tflm.md has both sides.
//
//     namespace tflite = kinglet::tflm;
//
// What differs, because the model is a compiled blob: operators are chosen when the library is built, so a resolver
// has nothing to hold; every byte of the model is checked when memory is allocated; and `status()` says what was wrong.
#ifndef KINGLET_TFLM_HPP
#define KINGLET_TFLM_HPP

#include <stddef.h>
#include <stdint.h>

#include "../kinglet.h"

namespace kinglet {
namespace tflm {

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType {
    kTfLiteNoType = 0,
    kTfLiteFloat32 = 1,
    kTfLiteInt32 = 2,
    kTfLiteUInt8 = 3,
    kTfLiteBool = 6,
    kTfLiteInt16 = 7,
    kTfLiteInt8 = 9
};

/// real = scale * (q - zero_point)
struct TfLiteQuantizationParams {
    float scale;
    int32_t zero_point;
};

/// Extents, slowest axis first.
struct TfLiteIntArray {
    int size;
    int data[4];
};

union TfLitePtrUnion {
    int8_t *int8;
    uint8_t *uint8;
    int16_t *i16;
    int32_t *i32;
    float *f;
    bool *b;
    void *data;
    const void *raw_const;
};

/// An input or an output; its memory lies in the arena and stays where it is.
struct TfLiteTensor {
    TfLiteType type;
    TfLitePtrUnion data;
    const TfLiteIntArray *dims;
    TfLiteQuantizationParams params;
    size_t bytes;
    TfLiteIntArray extents;
};

/// A compiled blob in memory: at a multiple of KINGLET_ALIGNMENT, unchanged while it is used.
class Model {
public:
    /// The blob's major format version; kFormatVersion when this library reads it.
    uint32_t version() const { return word(4) & 0xffffu; }

    /// The length that the blob's header says; kinglet_model_init() checks that it is true.
    size_t size_bytes() const { return word(8); }

private:
    uint32_t word(size_t at) const
    {
        const uint8_t *bytes = reinterpret_cast<const uint8_t *>(this) + at;
        return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
               static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
    }

    uint8_t header_[64];
};

enum : uint32_t { kFormatVersion = 2 };

/// The blob at `bytes`, whose length stands in its header: only for blobs that were built into the firmware. One from
/// elsewhere has a length of its own: use kinglet_model_init() of kinglet.h.
inline const Model *GetModel(const void *bytes)
{
    return static_cast<const Model *>(bytes);
}

/// Holds nothing: which operators are linked is said when the library is built (`kinglet ops --c`), and the blob says
/// which it needs. Firmware that registered operators keeps compiling when it passes this instead.
template <unsigned int Count>
class MicroMutableOpResolver {
};

/// Runs a model in an arena that the caller owns.
///
/// @tparam MaxPorts most inputs, and most outputs, that the model may have.
template <unsigned int MaxPorts>
class BasicMicroInterpreter {
public:
    template <class Resolver>
    BasicMicroInterpreter(const Model *model, const Resolver &, uint8_t *arena, size_t arena_bytes)
        : blob_(model), arena_(arena), arena_bytes_(arena_bytes), status_(KINGLET_ERROR_NOT_A_SESSION)
    {
    }

    // Handles stay where they are.
    BasicMicroInterpreter(const BasicMicroInterpreter &) = delete;
    BasicMicroInterpreter &operator=(const BasicMicroInterpreter &) = delete;

    /// Checks the model and binds it to the arena, whose start is moved up to the alignment it needs.
    TfLiteStatus AllocateTensors()
    {
        inputs_ = outputs_ = 0;
        if (blob_ == nullptr) {
            return said(KINGLET_ERROR_NULL_POINTER);
        }
        if (reinterpret_cast<uintptr_t>(blob_) % KINGLET_ALIGNMENT != 0) {
            return said(KINGLET_ERROR_BLOB_ALIGNMENT);
        }
        const size_t skipped = (KINGLET_ALIGNMENT - reinterpret_cast<uintptr_t>(arena_) % KINGLET_ALIGNMENT) % KINGLET_ALIGNMENT;
        if (skipped > arena_bytes_) {
            return said(KINGLET_ERROR_ARENA_TOO_SMALL);
        }
        used_ = 0;
        size_t inputs = 0, outputs = 0;
        if (said(kinglet_model_init(&model_, blob_, blob_->size_bytes())) != kTfLiteOk ||
            said(kinglet_model_arena_bytes(&model_, &used_)) != kTfLiteOk ||
            said(kinglet_session_init(&session_, &model_, arena_ + skipped, arena_bytes_ - skipped)) != kTfLiteOk ||
            said(kinglet_model_input_count(&model_, &inputs)) != kTfLiteOk ||
            said(kinglet_model_output_count(&model_, &outputs)) != kTfLiteOk) {
            return kTfLiteError;
        }
        used_ += skipped;
        if (inputs > MaxPorts || outputs > MaxPorts) {
            return said(KINGLET_ERROR_NO_SUCH_TENSOR);
        }
        for (size_t index = 0; index < inputs; index++) {
            if (describe(kinglet_model_input, index, input_[index]) != kTfLiteOk) {
                return kTfLiteError;
            }
        }
        for (size_t index = 0; index < outputs; index++) {
            if (describe(kinglet_model_output, index, output_[index]) != kTfLiteOk) {
                return kTfLiteError;
            }
        }
        inputs_ = inputs;
        outputs_ = outputs;
        return locate();
    }

    /// Runs the model once.
    TfLiteStatus Invoke() { return said(kinglet_session_run(&session_)); }

    /// Makes what the model keeps from run to run what it was at first.
    TfLiteStatus Reset() { return said(kinglet_session_reset(&session_)); }

    /// Input `index`, to be written before each Invoke(); null when there is none.
    TfLiteTensor *input(size_t index) { return index < inputs_ ? &input_[index] : nullptr; }

    /// Output `index` of the last Invoke(); null when there is none.
    TfLiteTensor *output(size_t index) { return index < outputs_ ? &output_[index] : nullptr; }

    size_t inputs_size() const { return inputs_; }
    size_t outputs_size() const { return outputs_; }

    /// Bytes of the arena that are used, those before its first aligned address included.
    size_t arena_used_bytes() const { return used_; }

    TfLiteStatus initialization_status() const { return inputs_ + outputs_ > 0 ? kTfLiteOk : kTfLiteError; }

    /// What the last call that failed, or the last call, returned: a status of kinglet.h.
    kinglet_status status() const { return status_; }

    /// The session, for what TensorFlow Lite Micro has no call for: kinglet_session_step(), self-tests.
    kinglet_session *session() { return &session_; }

private:
    typedef kinglet_status (*Describe)(const kinglet_model *, size_t, kinglet_tensor *);

    TfLiteStatus said(kinglet_status status)
    {
        status_ = status;
        return status == KINGLET_OK ? kTfLiteOk : kTfLiteError;
    }

    TfLiteStatus describe(Describe call, size_t index, TfLiteTensor &tensor)
    {
        kinglet_tensor found;
        if (said(call(&model_, index, &found)) != kTfLiteOk) {
            return kTfLiteError;
        }
        tensor.type = type_of(found.dtype);
        tensor.params.scale = found.scale;
        tensor.params.zero_point = found.zero_point;
        tensor.bytes = found.size_bytes;
        tensor.extents.size = found.rank;
        for (int axis = 0; axis < 4; axis++) {
            tensor.extents.data[axis] = static_cast<int>(found.dims[axis]);
        }
        tensor.dims = &tensor.extents;
        return kTfLiteOk;
    }

    TfLiteStatus locate()
    {
        size_t bytes = 0;
        for (size_t index = 0; index < inputs_; index++) {
            if (said(kinglet_session_input(&session_, index, &input_[index].data.data, &bytes)) != kTfLiteOk) {
                return kTfLiteError;
            }
        }
        for (size_t index = 0; index < outputs_; index++) {
            if (said(kinglet_session_output(&session_, index, &output_[index].data.raw_const, &bytes)) != kTfLiteOk) {
                return kTfLiteError;
            }
        }
        return kTfLiteOk;
    }

    static TfLiteType type_of(uint8_t dtype)
    {
        switch (dtype) {
        case KINGLET_I8:
            return kTfLiteInt8;
        case KINGLET_F32:
            return kTfLiteFloat32;
        case KINGLET_I16:
            return kTfLiteInt16;
        case KINGLET_I32:
            return kTfLiteInt32;
        case KINGLET_U8:
            return kTfLiteUInt8;
        case KINGLET_BOOL:
            return kTfLiteBool;
        default:
            return kTfLiteNoType;
        }
    }

    const Model *blob_;
    uint8_t *arena_;
    size_t arena_bytes_;
    size_t used_ = 0;
    size_t inputs_ = 0;
    size_t outputs_ = 0;
    kinglet_status status_;
    // Zero: a session that was never initialized is an error by its mark, not by luck.
    kinglet_model model_ = {};
    kinglet_session session_ = {};
    TfLiteTensor input_[MaxPorts] = {};
    TfLiteTensor output_[MaxPorts] = {};
};

/// As many ports as nearly every model has.
typedef BasicMicroInterpreter<4> MicroInterpreter;

}  // namespace tflm
}  // namespace kinglet

#endif
