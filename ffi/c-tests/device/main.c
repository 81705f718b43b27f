/* Runs one model on an emulated board and ends the emulation with the result. */
#include "../replay.h"

extern const uint8_t blob_start[], blob_end[], input_start[], input_end[], expected_start[], expected_end[];

void print(const char *text);
void finish(int status);

#ifndef ARENA_BYTES
#error "-DARENA_BYTES=... says how much memory the model gets"
#endif

KINGLET_ALIGNED static uint8_t arena[ARENA_BYTES];

int main(void)
{
    replay_case test;
    replay_result result;
    test.blob = blob_start;
    test.blob_bytes = (size_t)(blob_end - blob_start);
    test.input = input_start;
    test.input_bytes = (size_t)(input_end - input_start);
    test.expected = expected_start;
    test.expected_bytes = (size_t)(expected_end - expected_start);
    test.arena = arena;
    test.arena_bytes = sizeof arena;
    if (replay(&test, &result) != 0) {
        print(result.failed);
        print(": ");
        print(kinglet_status_name(result.status));
        print("\n");
        return 1;
    }
    print("all output bytes as expected\n");
    return 0;
}
