// Runs one model, of which the emulator has put the file at MODEL_ADDRESS, with TensorFlow Lite Micro.
//
// What is counted lies between marker instructions that compilers do not emit: `mov r10, r10` opens a window, `mov r11, r11`
// closes it. The project's counter for QEMU (`xtask/icount-plugin`) writes the counts at each. The first window is loading, each
// further one an Invoke. Inputs are the ramp of `targets/report/src/vector.rs`.

#include <cstdint>
#include <cstring>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

constexpr int kRuns = 2;
constexpr std::size_t kArenaBytes = 1 << 20;
constexpr std::size_t kOperators = 128;

#define BEGIN() __asm volatile("mov r10, r10" ::: "memory")
#define END() __asm volatile("mov r11, r11" ::: "memory")

using Resolver = tflite::MicroMutableOpResolver<kOperators>;

alignas(16) __attribute__((section(".arena"))) uint8_t arena[kArenaBytes];
alignas(8) uint8_t resolver_memory[sizeof(Resolver)];
alignas(8) uint8_t interpreter_memory[sizeof(tflite::MicroInterpreter)];

// Arm semihosting: SYS_WRITE0 and SYS_EXIT.
void Semihost(int operation, const void* argument) {
  register int r0 __asm("r0") = operation;
  register const void* r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

[[noreturn]] void Exit(const char* message) {
  Semihost(0x04, message);
  Semihost(0x18, reinterpret_cast<const void*>(*message == '\0' ? 0x20026 : 0x20023));
  for (;;) {
  }
}

void Register(Resolver& resolver) {
#define OPERATOR(name) resolver.Add##name();
#include "operators.inc"
#undef OPERATOR
}

int8_t Ramp(std::size_t index) { return static_cast<int8_t>((index * 37 + 11) % 256 - 128); }

// Every input begins with the ramp's first element, as it does in the project's own image.
void Fill(TfLiteTensor* tensor) {
  const std::size_t bytes = tensor->bytes;
  switch (tensor->type) {
    case kTfLiteFloat32:
      for (std::size_t i = 0; i < bytes / 4; ++i) tensor->data.f[i] = Ramp(i) / 128.0f;
      break;
    case kTfLiteInt16:
      for (std::size_t i = 0; i < bytes / 2; ++i) tensor->data.i16[i] = static_cast<int16_t>(Ramp(i) * 256);
      break;
    case kTfLiteInt32:
      for (std::size_t i = 0; i < bytes / 4; ++i) tensor->data.i32[i] = Ramp(i);
      break;
    case kTfLiteBool:
      for (std::size_t i = 0; i < bytes; ++i) tensor->data.b[i] = (Ramp(i) & 1) != 0;
      break;
    case kTfLiteInt8:
    case kTfLiteUInt8:
      for (std::size_t i = 0; i < bytes; ++i) tensor->data.int8[i] = Ramp(i);
      break;
    default:
      Exit("an input has a type that the harness cannot fill");
  }
}

__attribute__((noinline)) TfLiteStatus Invoke(tflite::MicroInterpreter& interpreter) { return interpreter.Invoke(); }

}  // namespace

// The library asks for operator new with a size where destructors are virtual; nothing is ever deleted.
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}

int main() {
  auto* resolver = new (resolver_memory) Resolver();
  Register(*resolver);
  const tflite::Model* model = tflite::GetModel(reinterpret_cast<const void*>(MODEL_ADDRESS));
  auto* allocator = tflite::MicroAllocator::Create(arena, kArenaBytes);
  auto* variables = tflite::MicroResourceVariables::Create(allocator, 4);
  BEGIN();
  auto* interpreter = new (interpreter_memory) tflite::MicroInterpreter(model, *resolver, allocator, variables);
  const TfLiteStatus allocated = interpreter->AllocateTensors();
  END();
  if (allocated != kTfLiteOk) Exit("AllocateTensors failed");
  for (int run = 0; run < kRuns; ++run) {
    for (std::size_t i = 0; i < interpreter->inputs_size(); ++i) Fill(interpreter->input(i));
    BEGIN();
    const TfLiteStatus status = Invoke(*interpreter);
    END();
    if (status != kTfLiteOk) Exit("Invoke failed");
  }
  Exit("");
}

// What the library prints goes nowhere: errors show as a status.
#include <cstdarg>
extern "C" void DebugLog(const char*, va_list) {}
extern "C" int DebugVsnprintf(char* buffer, size_t size, const char*, va_list) {
  if (size > 0) *buffer = '\0';
  return 0;
}
