@ Matrix micro-kernels for Armv7E-M. See mod.rs for the method and tile.rs for the arguments.

    .syntax unified
    .thumb

    .equ COLUMNS, 0
    .equ WEIGHTS, 4
    .equ STEPS, 8
    .equ COUNT, 12
    .equ BIAS, 16
    .equ REQUANT, 20
    .equ EXTRA, 24
    .equ OUTPUT, 28
    .equ STRIDE, 32
    .equ SHIFT, 36
    .equ ROUNDING, 40
    .equ CLAMPS, 44
    .equ MIN, 48
    .equ MAX, 52
    .equ PIXELS, 56
    .equ ENTRY, 60
    .equ PAIR_STRIDE, 64
    .equ REQUANT_STRIDE, 68

@ ---------------------------------------------------------------------------------------------
@ Four pixels by pairs of channels.
@ r4-r7: 256 * B + A of the four pixels; r8-r11: A. r12: columns, lr: weights.
@ [sp]: tile, [sp, 4]: end of the pair's weights, [sp, 8]: entry, [sp, 12]: columns, [sp, 16]: 4 * steps

    .section .text.kinglet_armv7em_tile4, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_tile4
    .type kinglet_armv7em_tile4, %function
    .thumb_func
kinglet_armv7em_tile4:
    push {r4-r11, lr}
    sub sp, #20
    str r0, [sp]
    ldr r1, [r0, #ENTRY]
    adr.w r2, 2f
    adds r1, r1, r2
    orr r1, r1, #1
    str r1, [sp, #8]
    ldr r1, [r0, #COLUMNS]
    str r1, [sp, #12]
    ldr r1, [r0, #STEPS]
    lsls r1, r1, #2
    str r1, [sp, #16]
    ldr lr, [r0, #WEIGHTS]

1:  @ the next pair: accumulators start at the doubled biases
    ldr r12, [sp]
    ldr r2, [r12, #BIAS]
    ldrd r0, r1, [r2], #8
    str r2, [r12, #BIAS]
    lsl r8, r0, #1
    add r4, r8, r1, lsl #9
    mov r9, r8
    mov r10, r8
    mov r11, r8
    mov r5, r4
    mov r6, r4
    mov r7, r4
    ldr r0, [sp, #16]
    add r0, r0, lr
    str r0, [sp, #4]
    ldr r12, [sp, #12]
    ldr r2, [sp, #8]
    bx r2

    .p2align 2
2:  @ two taps of four pixels and two channels; 48 bytes each
    .rept 4
    ldr r2, [lr], #4
    sxtb16 r3, r2
    ldrd r0, r1, [r12], #8
    smlad r4, r2, r0, r4
    smlad r8, r3, r0, r8
    smlad r5, r2, r1, r5
    smlad r9, r3, r1, r9
    ldrd r0, r1, [r12], #8
    smlad r6, r2, r0, r6
    smlad r10, r3, r0, r10
    smlad r7, r2, r1, r7
    smlad r11, r3, r1, r11
    .endr
    ldr r0, [sp, #4]
    cmp lr, r0
    bne 2b

    @ separate the channels
    sub r4, r4, r8
    sub r5, r5, r9
    sub r6, r6, r10
    sub r7, r7, r11
    asr r4, r4, #8
    asr r5, r5, #8
    asr r6, r6, #8
    asr r7, r7, #8

    @ r0, r1: multipliers; r2, r3: right shifts less 1
    ldr r12, [sp]
    ldr r2, [r12, #REQUANT]
    ldrd r0, r1, [r2], #8
    str r2, [r12, #REQUANT]
    ldr r3, [r12, #SHIFT]
    ldr r2, [r12, #EXTRA]
    cmp r2, #0
    bne 6f
    sub r2, r3, r0, lsr #30
    sub r3, r3, r1, lsr #30
3:
    bic r0, r0, #0xC0000000
    orr r0, r0, #0x40000000
    bic r1, r1, #0xC0000000
    orr r1, r1, #0x40000000

    smmulr r8, r8, r0
    smmulr r9, r9, r0
    smmulr r10, r10, r0
    smmulr r11, r11, r0
    smmulr r4, r4, r1
    smmulr r5, r5, r1
    smmulr r6, r6, r1
    smmulr r7, r7, r1
    ldr r0, [r12, #ROUNDING]
    lsl r1, r0, r2
    lsl r0, r0, r3
    adds r2, r2, #1
    adds r3, r3, #1
    add r8, r8, r8, asr #31
    add r9, r9, r9, asr #31
    add r10, r10, r10, asr #31
    add r11, r11, r11, asr #31
    add r4, r4, r4, asr #31
    add r5, r5, r5, asr #31
    add r6, r6, r6, asr #31
    add r7, r7, r7, asr #31
    add r8, r8, r1
    add r9, r9, r1
    add r10, r10, r1
    add r11, r11, r1
    add r4, r4, r0
    add r5, r5, r0
    add r6, r6, r0
    add r7, r7, r0
    asr r8, r8, r2
    asr r9, r9, r2
    asr r10, r10, r2
    asr r11, r11, r2
    asr r4, r4, r3
    asr r5, r5, r3
    asr r6, r6, r3
    asr r7, r7, r3
    ssat r8, #8, r8
    ssat r9, #8, r9
    ssat r10, #8, r10
    ssat r11, #8, r11
    ssat r4, #8, r4
    ssat r5, #8, r5
    ssat r6, #8, r6
    ssat r7, #8, r7

    @ both channels of a pixel side by side
    bfi r8, r4, #8, #24
    bfi r9, r5, #8, #24
    bfi r10, r6, #8, #24
    bfi r11, r7, #8, #24
    ldr r0, [r12, #CLAMPS]
    cmp r0, #0
    bne 7f
4:
    ldr r1, [r12, #OUTPUT]
    ldr r0, [r12, #STRIDE]
    ldr r2, [r12, #PIXELS]
    adds r3, r1, #2
    str r3, [r12, #OUTPUT]
    cmp r2, #4
    bne 8f
    strh r8, [r1]
    strh r9, [r1, r0]
    add r1, r1, r0, lsl #1
    strh r10, [r1]
    strh r11, [r1, r0]
5:
    ldr r0, [r12, #COUNT]
    subs r0, r0, #1
    str r0, [r12, #COUNT]
    bne 1b
    add sp, #20
    pop {r4-r11, pc}

6:  @ two bytes of extra shifts
    str lr, [sp, #4]
    ldrh lr, [r2], #2
    str r2, [r12, #EXTRA]
    sub r2, r3, r0, lsr #30
    sub r3, r3, r1, lsr #30
    sub r3, r3, lr, lsr #8
    uxtb lr, lr
    sub r2, r2, lr
    ldr lr, [sp, #4]
    b 3b

7:  @ clamp four bytes at a time
    pkhbt r8, r8, r9, lsl #16
    pkhbt r10, r10, r11, lsl #16
    ldr r0, [r12, #MIN]
    ssub8 r1, r8, r0
    sel r8, r8, r0
    ssub8 r1, r10, r0
    sel r10, r10, r0
    ldr r0, [r12, #MAX]
    ssub8 r1, r8, r0
    sel r8, r0, r8
    ssub8 r1, r10, r0
    sel r10, r0, r10
    lsr r9, r8, #16
    lsr r11, r10, #16
    b 4b

8:  @ one to three pixels
    strh r8, [r1]
    cmp r2, #2
    blo 5b
    strh r9, [r1, r0]
    beq 5b
    add r1, r1, r0, lsl #1
    strh r10, [r1]
    b 5b
    .size kinglet_armv7em_tile4, . - kinglet_armv7em_tile4

@ ---------------------------------------------------------------------------------------------
@ One pixel by groups of four channels.
@ r4: 256 * B + A, r5: A; r6: 256 * D + C, r7: C. r8: scratch; r9, lr: weights of the two pairs;
@ r10: steps left; r11: tile; r12: columns

    @ One output: doubled accumulator \acc; clobbers r0-r3. r12: requantization words.
    .macro REQUANTIZE acc
    ldr r0, [r12]
    ldr r3, [r11, #REQUANT_STRIDE]
    add r12, r12, r3
    ldr r1, [r11, #SHIFT]
    sub r1, r1, r0, lsr #30
    bic r0, r0, #0xC0000000
    orr r0, r0, #0x40000000
    smmulr \acc, \acc, r0
    add \acc, \acc, \acc, asr #31
    ldr r2, [r11, #ROUNDING]
    lsl r2, r2, r1
    adds r1, r1, #1
    add \acc, \acc, r2
    asr \acc, \acc, r1
    ssat \acc, #8, \acc
    .endm

    .section .text.kinglet_armv7em_tile1, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_tile1
    .type kinglet_armv7em_tile1, %function
    .thumb_func
kinglet_armv7em_tile1:
    push {r4-r11, lr}
    mov r11, r0
    ldr lr, [r11, #WEIGHTS]

1:  @ the next four channels
    ldr r0, [r11, #PAIR_STRIDE]
    add r9, lr, r0
    ldr r12, [r11, #BIAS]
    ldm r12!, {r0-r3}
    str r12, [r11, #BIAS]
    lsl r5, r0, #1
    add r4, r5, r1, lsl #9
    lsl r7, r2, #1
    add r6, r7, r3, lsl #9
    ldr r12, [r11, #COLUMNS]
    ldr r10, [r11, #STEPS]
    lsrs r10, r10, #1
    bcc 2f
    ldr r0, [r12], #4
    ldr r2, [lr], #4
    ldr r3, [r9], #4
    sxtb16 r8, r2
    smlad r4, r2, r0, r4
    smlad r5, r8, r0, r5
    sxtb16 r8, r3
    smlad r6, r3, r0, r6
    smlad r7, r8, r0, r7
2:
    cmp r10, #0
    beq.w 4f
    lsrs r10, r10, #1
    bcs 5f
3:  @ four taps of four channels, twice
    ldrd r0, r1, [r12], #8
    ldrd r2, r3, [lr], #8
    sxtb16 r8, r2
    smlad r4, r2, r0, r4
    smlad r5, r8, r0, r5
    sxtb16 r8, r3
    smlad r4, r3, r1, r4
    smlad r5, r8, r1, r5
    ldrd r2, r3, [r9], #8
    sxtb16 r8, r2
    smlad r6, r2, r0, r6
    smlad r7, r8, r0, r7
    sxtb16 r8, r3
    smlad r6, r3, r1, r6
    smlad r7, r8, r1, r7
    subs r10, r10, #1
5:
    ldrd r0, r1, [r12], #8
    ldrd r2, r3, [lr], #8
    sxtb16 r8, r2
    smlad r4, r2, r0, r4
    smlad r5, r8, r0, r5
    sxtb16 r8, r3
    smlad r4, r3, r1, r4
    smlad r5, r8, r1, r5
    ldrd r2, r3, [r9], #8
    sxtb16 r8, r2
    smlad r6, r2, r0, r6
    smlad r7, r8, r0, r7
    sxtb16 r8, r3
    smlad r6, r3, r1, r6
    smlad r7, r8, r1, r7
    cmp r10, #0
    bne 3b
4:
    sub r4, r4, r5
    sub r6, r6, r7
    asr r4, r4, #8
    asr r6, r6, #8
    ldr r12, [r11, #REQUANT]
    REQUANTIZE r5
    REQUANTIZE r4
    REQUANTIZE r7
    REQUANTIZE r6
    str r12, [r11, #REQUANT]
    bfi r5, r4, #8, #8
    bfi r7, r6, #8, #24
    pkhbt r5, r5, r7, lsl #16
    ldr r0, [r11, #CLAMPS]
    cbz r0, 6f
    ldr r0, [r11, #MIN]
    ssub8 r1, r5, r0
    sel r5, r5, r0
    ldr r0, [r11, #MAX]
    ssub8 r1, r5, r0
    sel r5, r0, r5
6:
    ldr r0, [r11, #OUTPUT]
    str r5, [r0], #4
    str r0, [r11, #OUTPUT]
    mov lr, r9
    ldr r0, [r11, #COUNT]
    subs r0, r0, #1
    str r0, [r11, #COUNT]
    bne 1b
    pop {r4-r11, pc}
    .size kinglet_armv7em_tile1, . - kinglet_armv7em_tile1

@ ---------------------------------------------------------------------------------------------
@ Widening runs of taps into a column.
@ r0: source, r1: target, r2: rows, r3: run, [sp]: bytes from run to run, [sp, 4]: bytes from word to word
@ r4: position, r5: taps left, r10: 1 when the word at r1 has its first half already, r11: word stride

    .section .text.kinglet_armv7em_gather, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_gather
    .type kinglet_armv7em_gather, %function
    .thumb_func
kinglet_armv7em_gather:
    push {r4-r11, lr}
    ldr r12, [sp, #36]
    ldr r11, [sp, #40]
    movs r7, #0
    mov r10, r7
1:  @ a run
    mov r4, r0
    mov r5, r3
    cmp r10, #0
    beq 2f
    ldrsb r6, [r4], #1
    lsls r6, r6, #1
    strh r6, [r1, #2]
    add r1, r1, r11
    movs r7, #0
    mov r10, r7
    subs r5, r5, #1
2:
    subs r5, r5, #4
    blt 4f
3:  @ four taps
    ldr r6, [r4], #4
    sxtb16 r7, r6
    sxtb16 r6, r6, ror #8
    sadd16 r7, r7, r7
    sadd16 r6, r6, r6
    pkhbt r8, r7, r6, lsl #16
    pkhtb r6, r6, r7, asr #16
    str r8, [r1]
    str r6, [r1, r11]
    add r1, r1, r11, lsl #1
    subs r5, r5, #4
    bge 3b
4:  @ up to three
    adds r5, r5, #4
    beq 6f
    cmp r5, #1
    beq 5f
    ldrsb r6, [r4], #1
    ldrsb r7, [r4], #1
    lsls r6, r6, #1
    lsls r7, r7, #1
    pkhbt r6, r6, r7, lsl #16
    str r6, [r1]
    add r1, r1, r11
    cmp r5, #2
    beq 6f
5:
    ldrsb r6, [r4]
    lsls r6, r6, #1
    strh r6, [r1]
    movs r7, #1
    mov r10, r7
6:
    add r0, r0, r12
    subs r2, r2, #1
    bne 1b
    cmp r10, #0
    it ne
    strhne r2, [r1, #2]
    pop {r4-r11, pc}
    .size kinglet_armv7em_gather, . - kinglet_armv7em_gather
