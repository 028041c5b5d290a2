/*
 * fuzz_target.h - what every fuzz target defines, and what libFuzzer and replay_main.c call.
 */
#ifndef JAY_FUZZ_TARGET_H
#define JAY_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
