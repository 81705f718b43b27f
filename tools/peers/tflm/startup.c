// Vector table and reset handler of the emulated boards: no interrupts, no clocks.

#include <stdint.h>

extern uint32_t __stack_top, __data_load, __data_start, __data_end, __bss_start, __bss_end;
extern void (*__init_array_start[])(void);
extern void (*__init_array_end[])(void);
int main(void);

static void fault(void) {
  // Semihosting SYS_EXIT with an error.
  register int r0 __asm("r0") = 0x18;
  register uint32_t r1 __asm("r1") = 0x20023;
  __asm volatile("bkpt 0xAB" : : "r"(r0), "r"(r1));
  for (;;) {
  }
}

static void reset(void) {
#if defined(__ARM_FP)
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
  __asm volatile("dsb\n isb");
#endif
#if defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED14 |= 1u << 19;  // low-overhead branches
#endif
  for (uint32_t *from = &__data_load, *to = &__data_start; to < &__data_end;) *to++ = *from++;
  for (uint32_t *to = &__bss_start; to < &__bss_end;) *to++ = 0;
  for (void (**init)(void) = __init_array_start; init < __init_array_end; ++init) (*init)();
  main();
  fault();
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&__stack_top, reset, fault, fault, fault, fault, fault, fault,
    fault,                        fault, fault, fault, fault, fault, fault, fault,
};

// The C library's start-up and heap, which nothing needs.
void *__dso_handle;
void _init(void) {}
void _exit(int status) {
  (void)status;
  fault();
  for (;;) {
  }
}
void *_sbrk(int bytes) {
  (void)bytes;
  fault();
  return (void *)-1;
}
int _write(int file, const char *bytes, int count) { return (void)file, (void)bytes, count; }
int _read(int file, char *bytes, int count) { return (void)file, (void)bytes, (void)count, 0; }
int _close(int file) { return (void)file, -1; }
int _lseek(int file, int offset, int from) { return (void)file, (void)offset, (void)from, 0; }
int _fstat(int file, void *status) { return (void)file, (void)status, -1; }
int _isatty(int file) { return (void)file, 1; }
int _kill(int process, int signal) { return (void)process, (void)signal, -1; }
int _getpid(void) { return 1; }
