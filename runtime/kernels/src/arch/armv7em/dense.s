@ The FullyConnected micro-kernel for Armv7E-M: one vector by blocks of four pairs of channels. See dense.rs for the
@ arguments.

    .syntax unified
    .thumb

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

    @ Four taps r0, r1 of a quad of channels of four bits: the sums of whole numbers in \d, without D in \c, without C in
    @ \b, of A in \a. lr: weights. 60 bytes.
    .macro QUAD a, b, c, d
    ldrd r2, r3, [lr], #8
    HALVES r2, r0, \a, \b, \c, \d
    HALVES r3, r1, \a, \b, \c, \d
    .endm

    .macro HALVES w, x, a, b, c, d
    smlad \d, \w, \x, \d
    bic \w, \w, #0xf000f000
    smlad \c, \w, \x, \c
    uxtb16 \w, \w
    smlad \b, \w, \x, \b
    and \w, \w, #0x000f000f
    smlad \a, \w, \x, \a
    .endm

    @ The channels of a quad to doubled sums with their biases, which are at r12. Clobbers r1, r2, r3, lr.
    .macro UNNEST a, b, c, d
    ldm r12!, {r1, r2, r3, lr}
    sub \d, \d, \c
    sub \c, \c, \b
    sub \b, \b, \a
    add \a, \a, r1
    lsl \a, \a, #1
    lsl r2, r2, #1
    add \b, r2, \b, asr #3
    lsl r3, r3, #1
    add \c, r3, \c, asr #7
    lsl lr, lr, #1
    add \d, lr, \d, asr #11
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
@ r5, r7, r9, r11: 256 * B + A of the pairs; r4, r6, r8, r10: A. r12: input or column, lr: weights; [sp]: arguments

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
    ldr r2, [r0, #DENSE_INPUT_END]
    ldr r3, [r0, #DENSE_COLUMN_END]
    adr.w r4, 1f
    orr r4, r4, #1
    push {r0-r4}

    .p2align 2
1:  @ a block; accumulators start at the biases
    ldr lr, [r0, #DENSE_WEIGHTS]
    ldr r1, [r0, #DENSE_BIAS]
    ldm r1!, {r4-r11}
    str r1, [r0, #DENSE_BIAS]
    add r5, r4, r5, lsl #8
    add r7, r6, r7, lsl #8
    add r9, r8, r9, lsl #8
    add r11, r10, r11, lsl #8
    ldrd r12, r1, [r0, #DENSE_INPUT]
    cmp r12, r1
    beq 4f
2:  @ eight taps straight from the input
    .rept 2
    ldr r1, [r12], #4
    sxtb16 r0, r1
    sxtb16 r1, r1, ror #8
    PAIR r5, r4
    PAIR r7, r6
    PAIR r9, r8
    PAIR r11, r10
    .endr
    ldr r2, [sp, #8]
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
    PAIR r5, r4
    PAIR r7, r6
    PAIR r9, r8
    PAIR r11, r10
    .endr
    ldr r1, [sp, #12]
    cmp r12, r1
    bne.w 3b
    ldr r0, [sp]

    str lr, [r0, #DENSE_WEIGHTS]
    SEPARATE r5, r4
    SEPARATE r7, r6
    SEPARATE r9, r8
    SEPARATE r11, r10

    @ r4-r11: doubled sums of eight channels. On the stack: arguments, three words, where the next block begins.
    .global kinglet_armv7em_dense8_finish
    .thumb_func
kinglet_armv7em_dense8_finish:
    ldrd r12, r1, [r0, #DENSE_WORDS]
    movs r2, #1
    cmp r1, #0
    beq 6f
    push {r4-r11}
    mov r4, sp
    mov r6, sp
8:  @ a channel
    ldr r5, [r4], #4
    FINISH r5
    strb r5, [r6], #1
    add r5, sp, #32
    cmp r4, r5
    bne 8b
    str r12, [r0, #DENSE_WORDS]
    ldrd r4, r5, [sp]
    add sp, #32
    b 9f
6:  @ one factor
    add r1, r0, #DENSE_FACTOR
    ldm r1, {r1, r2, r3, r12}
    cbnz r3, 7f
    add lr, r1, r4, asr #31
    smmlar r4, r4, r12, lr
    add lr, r1, r5, asr #31
    smmlar r5, r5, r12, lr
    add lr, r1, r6, asr #31
    smmlar r6, r6, r12, lr
    add lr, r1, r7, asr #31
    smmlar r7, r7, r12, lr
    add lr, r1, r8, asr #31
    smmlar r8, r8, r12, lr
    add lr, r1, r9, asr #31
    smmlar r9, r9, r12, lr
    add lr, r1, r10, asr #31
    smmlar r10, r10, r12, lr
    add lr, r1, r11, asr #31
    smmlar r11, r11, r12, lr
    b 10f
7:
    smmlar r4, r4, r12, r1
    smmlar r5, r5, r12, r1
    smmlar r6, r6, r12, r1
    smmlar r7, r7, r12, r1
    smmlar r8, r8, r12, r1
    smmlar r9, r9, r12, r1
    smmlar r10, r10, r12, r1
    smmlar r11, r11, r12, r1
10:
    asr r4, r4, r2
    ssat r4, #8, r4, asr #1
    asr r5, r5, r2
    ssat r5, #8, r5, asr #1
    asr r6, r6, r2
    ssat r6, #8, r6, asr #1
    asr r7, r7, r2
    ssat r7, #8, r7, asr #1
    asr r8, r8, r2
    ssat r8, #8, r8, asr #1
    asr r9, r9, r2
    ssat r9, #8, r9, asr #1
    asr r10, r10, r2
    ssat r10, #8, r10, asr #1
    asr r11, r11, r2
    ssat r11, #8, r11, asr #1
    bfi r4, r5, #8, #8
    bfi r6, r7, #8, #8
    bfi r8, r9, #8, #8
    bfi r10, r11, #8, #8
    pkhbt r4, r4, r6, lsl #16
    pkhbt r5, r8, r10, lsl #16
9:
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
    it ne
    ldrne pc, [sp, #16]
    add sp, #20
    pop {r4-r11, pc}

    .size kinglet_armv7em_dense8, . - kinglet_armv7em_dense8

@ ---------------------------------------------------------------------------------------------
@ The same for weights of four bits.
@ r4-r7, r8-r11: the sums of two quads. r12: input or column, lr: weights; [sp]: arguments

    .section .text.kinglet_armv7em_nibbles8, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_nibbles8
    .type kinglet_armv7em_nibbles8, %function
    .thumb_func
kinglet_armv7em_nibbles8:
    push {r4-r11, lr}
    ldr r1, [r0, #DENSE_ENTRY]
    adr.w r2, 3f
    add r1, r1, r2
    orr r1, r1, #1
    ldr r2, [r0, #DENSE_INPUT_END]
    ldr r3, [r0, #DENSE_COLUMN_END]
    adr.w r4, 1f
    orr r4, r4, #1
    push {r0-r4}

    .p2align 2
1:  @ a block; sums start where they take off the 8 that A, B and C are stored with
    ldr lr, [r0, #DENSE_WEIGHTS]
    ldr r4, [r0, #DENSE_START]
    add r5, r4, r4, lsl #4
    add r6, r5, r4, lsl #8
    mov r7, r6
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r6
    ldrd r12, r1, [r0, #DENSE_INPUT]
    cmp r12, r1
    beq 4f
2:  @ eight taps straight from the input
    .rept 2
    ldr r1, [r12], #4
    sxtb16 r0, r1
    sxtb16 r1, r1, ror #8
    QUAD r4, r5, r6, r7
    QUAD r8, r9, r10, r11
    .endr
    ldr r2, [sp, #8]
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
    QUAD r4, r5, r6, r7
    QUAD r8, r9, r10, r11
    .endr
    ldr r1, [sp, #12]
    cmp r12, r1
    bne.w 3b
    ldr r0, [sp]

    str lr, [r0, #DENSE_WEIGHTS]
    ldr r12, [r0, #DENSE_BIAS]
    UNNEST r4, r5, r6, r7
    UNNEST r8, r9, r10, r11
    str r12, [r0, #DENSE_BIAS]
    b.w kinglet_armv7em_dense8_finish

    .size kinglet_armv7em_nibbles8, . - kinglet_armv7em_nibbles8

@ ---------------------------------------------------------------------------------------------
@ The sum of r1 words of bytes at r0, not none, each byte plus 128.

    .section .text.kinglet_armv7em_sum, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_sum
    .type kinglet_armv7em_sum, %function
    .thumb_func
kinglet_armv7em_sum:
    movs r2, #0
    mov r12, r2
1:
    ldr r3, [r0], #4
    eor r3, r3, #0x80808080
    usada8 r2, r3, r12, r2
    subs r1, #1
    bne 1b
    mov r0, r2
    bx lr

    .size kinglet_armv7em_sum, . - kinglet_armv7em_sum
