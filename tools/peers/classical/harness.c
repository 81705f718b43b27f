// Calls a generated model on the ramp of `targets/report/src/vector.rs`, between the markers of the project's counter
// (`xtask/icount-plugin`): `mov r10, r10` opens a window, `mov r11, r11` closes it. The exit tells the answer.

#include <stdint.h>

#define FEATURES 16

int answer(const int16_t *x);

static int16_t x[FEATURES];
static volatile int answered;

static void write_digit(int digit) {
  char text[3] = {(char)('0' + digit), '\n', 0};
  register int r0 __asm("r0") = 0x04;
  register const void *r1 __asm("r1") = text;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void leave(void) {
  register int r0 __asm("r0") = 0x18;
  register uint32_t r1 __asm("r1") = 0x20026;
  __asm volatile("bkpt 0xAB" : : "r"(r0), "r"(r1));
}

int main(void) {
  for (int run = 0; run < 2; ++run) {
    for (int i = 0; i < FEATURES; ++i) x[i] = (int16_t)(((i * 37 + 11) % 256 - 128) * 256);
    __asm volatile("mov r10, r10" ::: "memory");
    answered = answer(x);
    __asm volatile("mov r11, r11" ::: "memory");
  }
  write_digit(answered);
  leave();
  return 0;
}
