@ FullyConnected micro-kernels for Armv7E-M: one vector by blocks of four pairs of channels, or by single pairs. See
@ dense.rs for the arguments.

    .syntax unified
    .thumb

    .equ DENSE_WEIGHTS, 0
    .equ DENSE_INPUT, 4
    .equ DENSE_INPUT_END, 8
    .equ DENSE_COLUMN, 12
    .equ DENSE_COLUMN_END, 16
    .equ DENSE_ENTRY, 20
    .equ DENSE_BIAS, 24
    .equ DENSE_WORDS, 28
    .equ DENSE_WORD_STRIDE, 32
    .equ DENSE_SHIFT, 36
    .equ DENSE_ROUNDING, 40
    .equ DENSE_IS_RELU, 44
    .equ DENSE_FLAGS, 48
    .equ DENSE_MIN, 52
    .equ DENSE_OUTPUT, 60
    .equ DENSE_BLOCKS, 64

    @ Four taps r0, r1 of a pair of channels: 256 * B + A in \s, A in \a. lr: weights. 28 bytes.
    .macro PAIR s, a
    ldrd r2, r3, [lr], #8
    smlad \s, r2, r0, \s
    sxtb16 r2, r2
    smlad \a, r2, r0, \a
    smlad \s, r3, r1, \s
    sxtb16 r3, r3
    smlad \a, r3, r1, \a
    .endm

    @ Both channels of a pair to doubled sums.
    .macro SEPARATE s, a
    sub \s, \s, \a
    asr \s, \s, #7
    lsl \a, \a, #1
    .endm

    @ A doubled sum through the output stage. r0: arguments, r12: requantization word, r2: 1, lr: scratch. The word's
    @ stride is zero when there is one for all channels.
    .macro FINISH x
    ldr r1, [r12]
    ldr r3, [r0, #DENSE_WORD_STRIDE]
    add r12, r12, r3
    ldr r3, [r0, #DENSE_SHIFT]
    sub r3, r3, r1, lsr #30
    bfi r1, r2, #30, #2
    ldr lr, [r0, #DENSE_ROUNDING]
    lsl lr, lr, r3
    add lr, lr, \x, asr #31
    smmlar \x, \x, r1, lr
    asr \x, \x, r3
    ssat \x, #8, \x, asr #1
    .endm

    @ Four bytes \x between the limits. r0: arguments; clobbers r1, r2.
    .macro CLAMP4 x
    ldrd r1, r2, [r0, #DENSE_MIN]
    ssub8 r3, \x, r1
    sel \x, \x, r1
    ssub8 r3, \x, r2
    sel \x, r2, \x
    .endm

@ ---------------------------------------------------------------------------------------------
@ Blocks of four pairs of channels.
@ r4, r6, r8, r10: 256 * B + A of the pairs; r5, r7, r9, r11: A. r12: input or column, lr: weights; [sp]: arguments

    .section .text.kinglet_armv7em_dense8, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_dense8
    .type kinglet_armv7em_dense8, %function
    .thumb_func
kinglet_armv7em_dense8:
    push {r4-r11, lr}
    ldr r1, [r0, #DENSE_ENTRY]
    adr.w r2, 3f
    add r1, r1, r2
    orr r1, r1, #1
    push {r0, r1}

1:  @ a block; accumulators start at the biases
    ldr lr, [r0, #DENSE_WEIGHTS]
    ldr r1, [r0, #DENSE_BIAS]
    ldm r1!, {r4-r11}
    str r1, [r0, #DENSE_BIAS]
    mov r2, r4
    add r4, r4, r5, lsl #8
    mov r5, r2
    mov r2, r6
    add r6, r6, r7, lsl #8
    mov r7, r2
    mov r2, r8
    add r8, r8, r9, lsl #8
    mov r9, r2
    mov r2, r10
    add r10, r10, r11, lsl #8
    mov r11, r2
    ldrd r12, r1, [r0, #DENSE_INPUT]
    cmp r12, r1
    beq 4f
2:  @ four taps straight from the input
    ldr r1, [r12], #4
    sxtb16 r0, r1
    sxtb16 r1, r1, ror #8
    PAIR r4, r5
    PAIR r6, r7
    PAIR r8, r9
    PAIR r10, r11
    ldr r2, [sp]
    ldr r2, [r2, #DENSE_INPUT_END]
    cmp r12, r2
    bne 2b
    ldr r0, [sp]
4:
    ldr r12, [r0, #DENSE_COLUMN]
    ldr pc, [sp, #4]

    .p2align 2
3:  @ sixteen taps from the column
    .rept 4
    ldrd r0, r1, [r12], #8
    PAIR r4, r5
    PAIR r6, r7
    PAIR r8, r9
    PAIR r10, r11
    .endr
    ldr r0, [sp]
    ldr r1, [r0, #DENSE_COLUMN_END]
    cmp r12, r1
    bne.w 3b

    str lr, [r0, #DENSE_WEIGHTS]
    SEPARATE r4, r5
    SEPARATE r6, r7
    SEPARATE r8, r9
    SEPARATE r10, r11
    ldr r12, [r0, #DENSE_WORDS]
    movs r2, #1
    FINISH r5
    FINISH r4
    FINISH r7
    FINISH r6
    FINISH r9
    FINISH r8
    FINISH r11
    FINISH r10
    str r12, [r0, #DENSE_WORDS]
    bfi r5, r4, #8, #8
    bfi r7, r6, #8, #8
    bfi r9, r8, #8, #8
    bfi r11, r10, #8, #8
    pkhbt r4, r5, r7, lsl #16
    pkhbt r5, r9, r11, lsl #16
    ldr r1, [r0, #DENSE_FLAGS]
    cbz r1, 5f
    CLAMP4 r4
    CLAMP4 r5
5:
    ldrd r1, r2, [r0, #DENSE_OUTPUT]
    str r4, [r1]
    str r5, [r1, #4]
    adds r1, #8
    subs r2, #1
    strd r1, r2, [r0, #DENSE_OUTPUT]
    bne.w 1b
    add sp, #8
    pop {r4-r11, pc}
    .size kinglet_armv7em_dense8, . - kinglet_armv7em_dense8

@ ---------------------------------------------------------------------------------------------
@ One pair of channels. Two bytes of output, each with its own bias; requantization words must have a second one
@ unless their stride is zero.
@ r4: 256 * B + A, r5: A

    .section .text.kinglet_armv7em_dense2, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_dense2
    .type kinglet_armv7em_dense2, %function
    .thumb_func
kinglet_armv7em_dense2:
    push {r4-r11, lr}
    ldr lr, [r0, #DENSE_WEIGHTS]
    ldr r1, [r0, #DENSE_BIAS]
    ldrd r5, r4, [r1]
    add r4, r5, r4, lsl #8
    mov r6, r0
    ldrd r12, r7, [r0, #DENSE_INPUT]
    b 2f
1:
    ldr r1, [r12], #4
    sxtb16 r0, r1
    sxtb16 r1, r1, ror #8
    PAIR r4, r5
2:
    cmp r12, r7
    bne 1b
    ldrd r12, r7, [r6, #DENSE_COLUMN]
3:
    ldrd r0, r1, [r12], #8
    PAIR r4, r5
    cmp r12, r7
    bne 3b
    mov r0, r6
    SEPARATE r4, r5
    ldr r12, [r0, #DENSE_WORDS]
    movs r2, #1
    FINISH r5
    FINISH r4
    bfi r5, r4, #8, #8
    ldr r1, [r0, #DENSE_FLAGS]
    cbz r1, 4f
    CLAMP4 r5
4:
    ldr r1, [r0, #DENSE_OUTPUT]
    strh r5, [r1]
    pop {r4-r11, pc}
    .size kinglet_armv7em_dense2, . - kinglet_armv7em_dense2
