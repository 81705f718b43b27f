@ One vector by all channels for Armv7-M. See mod.rs for the method and fully_connected.rs for the arguments.

    .syntax unified
    .thumb

    .equ SAVED_VECTOR, 32
    .equ SAVED_ENTRY, 36
    .equ STARTS, 40

    @ Four channels: \w their weights at one tap, r3: the activation; \raw, \odd, \high: sums of products with the
    @ whole word, its second and fourth byte, its upper half.
    .macro QUAD w, raw, odd, high
    mla \raw, r3, \w, \raw
    and r12, lr, \w, lsr #8
    mla \odd, r3, r12, \odd
    lsr \w, \w, #16
    mla \high, r3, \w, \high
    .endm

    @ Tells the sums of four channels apart and stores them at [sp, \at].
    .macro SEPARATE raw, odd, high, at
    sub \raw, \raw, \high, lsl #16
    sub r10, \raw, \odd, lsl #8
    sbfx r10, r10, #0, #24
    sub \raw, \raw, r10
    sub \odd, \odd, \raw, asr #8
    sub r11, \high, \odd, asr #8
    sbfx r11, r11, #0, #24
    sub \high, \high, r11
    asr \raw, \raw, #8
    asr \high, \high, #8
    strd r10, \raw, [sp, #\at]
    strd r11, \high, [sp, #(\at + 8)]
    .endm

    .section .text.kinglet_armv7m_vector, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_vector
    .type kinglet_armv7m_vector, %function
    .thumb_func
kinglet_armv7m_vector:
    push {r4-r11, lr}
    sub sp, #52
    str r0, [sp, #SAVED_VECTOR]

    @ The weights have 128 too much each: all sums start with that much less.
    ldr r1, [r0, #INPUT]
    ldr r2, [r0, #TAPS]
    movs r4, #0
    subs r2, r2, #4
    blt 2f
1:
    ldrsb r5, [r1], #1
    ldrsb r6, [r1], #1
    ldrsb r7, [r1], #1
    ldrsb r8, [r1], #1
    add r4, r4, r5
    add r4, r4, r6
    add r4, r4, r7
    add r4, r4, r8
    subs r2, r2, #4
    bge 1b
2:
    adds r2, r2, #4
    beq 4f
3:
    ldrsb r5, [r1], #1
    add r4, r4, r5
    subs r2, r2, #1
    bne 3b
4:
    lsls r4, r4, #7
    negs r4, r4
    add r6, r4, r4, lsl #8
    add r5, r4, r4, lsl #16
    add r4, r6, r6, lsl #16
    add r1, sp, #STARTS
    stm r1, {r4, r5, r6}
    ldr r1, [r0, #TAPS]
    negs r1, r1
    and r1, r1, #3
    movs r2, #48
    muls r1, r2, r1
    adr.w r2, 6f
    add r1, r1, r2
    orr r1, r1, #1
    str r1, [sp, #SAVED_ENTRY]

5:  @ the next group of channels; r0: input, r1: weights, r2: end of the input
    ldr r12, [sp, #SAVED_VECTOR]
    add r0, sp, #STARTS
    ldm r0, {r4, r5, r6}
    mov r7, r4
    mov r8, r5
    mov r9, r6
    ldr r3, [r12, #CHANNELS]
    ldrd r0, r1, [r12, #INPUT]
    ldr r2, [r12, #TAPS]
    add r2, r2, r0
    mov lr, #0x00FF00FF
    cmp r3, #4
    bls 9f
    ldr r3, [sp, #SAVED_ENTRY]
    bx r3

    .p2align 2
6:  @ a tap of eight channels; 48 bytes each
    .rept 4
    ldrd r10, r11, [r1], #8
    ldrsb r3, [r0], #1
    QUAD r10, r4, r5, r6
    QUAD r11, r7, r8, r9
    .endr
    cmp r0, r2
    bne 6b
    SEPARATE r7, r8, r9, 16
7:
    SEPARATE r4, r5, r6, 0
    ldr r12, [sp, #SAVED_VECTOR]
    str r1, [r12, #WEIGHTS]
    ldr r3, [r12, #CHANNELS]
    ldrd r1, r2, [r12, #BIAS]
    add r0, r12, #SHIFT
    ldm r0, {r8, r9, r10, r11}
    mov r0, sp
    cmp r3, #8
    it hi
    movhi r3, #8
8:  @ an output; r0: sums, r1: biases, r2: requantization words, r3: outputs left, r8: shift of a word whose top bits
    @ are zero, less 1, r9: 2 * zero_point + 1, r10: bytes from word to word, r11: output
    ldr r4, [r0], #4
    ldr r12, [r1], #4
    ldr r5, [r2]
    add r2, r2, r10
    add r4, r4, r12
    lsls r4, r4, #1
    sub r7, r8, r5, lsr #30
    bic r5, r5, #0xC0000000
    orr r5, r5, #0x40000000
    lsl r6, r9, r7
    adds r7, r7, #1
    mov r12, #0x80000000
    add lr, r6, r4, asr #31
    smlal r12, lr, r4, r5
    asr lr, lr, r7
    ssat r4, #8, lr
    ldr r12, [sp, #SAVED_VECTOR]
    ldr r5, [r12, #CLAMPS]
    cbnz r5, 11f
10:
    strb r4, [r11], #1
    subs r3, r3, #1
    bne 8b
    ldr r12, [sp, #SAVED_VECTOR]
    strd r1, r2, [r12, #BIAS]
    str r11, [r12, #(SHIFT + 12)]
    ldr r3, [r12, #CHANNELS]
    subs r3, r3, #8
    str r3, [r12, #CHANNELS]
    bhi 5b
    add sp, #52
    pop {r4-r11, pc}

11:
    ldrd r5, r6, [r12, #MIN]
    cmp r4, r5
    it lt
    movlt r4, r5
    cmp r4, r6
    it gt
    movgt r4, r6
    b 10b

9:  @ a tap of one to four channels
    ldr r10, [r1], #4
    ldrsb r3, [r0], #1
    QUAD r10, r4, r5, r6
    cmp r0, r2
    bne 9b
    b 7b
    .size kinglet_armv7m_vector, . - kinglet_armv7m_vector
