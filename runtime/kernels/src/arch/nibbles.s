@ Weights of four bits to bytes, with the DSP extension. See nibbles.rs for the arguments.

    .syntax unified
    .thumb

    @ Eight codes \code to the words \low and \high. r3: what is taken off, r12: a mask. 16 bytes.
    .macro NIBBLES_EIGHT subtract, code, low, high
    and \low, \code, r12
    and \high, r12, \code, lsr #4
    \subtract \low, \low, r3
    \subtract \high, \high, r3
    .endm

    @ r0: codes, r1: bytes, r2: words of codes, not none.
    .macro NIBBLES name, subtract
    .section .text.\name, "ax", %progbits
    .p2align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r8, lr}
    mov r12, #0x0f0f0f0f
    lsrs r2, r2, #1
    bcc 1f
    ldr r4, [r0], #4
    NIBBLES_EIGHT \subtract, r4, r5, r6
    strd r5, r6, [r1], #8
    cbz r2, 2f
1:
    ldrd r4, r8, [r0], #8
    NIBBLES_EIGHT \subtract, r4, r5, r6
    strd r5, r6, [r1], #8
    NIBBLES_EIGHT \subtract, r8, r5, r6
    strd r5, r6, [r1], #8
    subs r2, #1
    bne 1b
2:
    pop {r4-r8, pc}
    .size \name, . - \name
    .endm

    NIBBLES kinglet_nibbles_bytes, ssub8
    NIBBLES kinglet_nibbles_pairs, ssub16
