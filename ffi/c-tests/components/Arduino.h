/* Stands in for an Arduino core: what the example sketch uses of it. */
#ifndef ARDUINO_STUB_H
#define ARDUINO_STUB_H

#include <stddef.h>
#include <stdint.h>

struct Stream {
    void begin(unsigned long baud) { rate = baud; }
    void println(unsigned long number) { last = number; }
    void println(const char *text) { word = text; }
    volatile unsigned long rate, last;
    const char *volatile word;
};
extern Stream Serial;
void setup();
void loop();

#endif
