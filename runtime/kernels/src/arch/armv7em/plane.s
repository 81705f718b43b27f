@ Depthwise micro-kernels for Armv7E-M: output channels over some rows of planar, widened inputs.
@ See depthwise.rs for the method and the arguments.

    .syntax unified
    .thumb

    @ The arguments.
    .equ KERNEL_WIDTH, KERNEL_ROWS + 4

    @ The frame. Before it, weights of a 3x3 window: for each row a word with two and a word with the third.
    .equ F_BIAS, 24
    .equ F_MULTIPLIER, 28
    .equ F_SHIFT, 32
    .equ F_ROUNDING, 36
    .equ F_CARE, 40
    .equ F_OUTPUT, 44
    .equ F_PIXEL_STEP, 48
    .equ F_END, 52
    .equ F_PLANE, 56
    .equ F_ROWS, 60
    .equ F_ROW, 64
    .equ F_ROW_OUTPUT, 68
    .equ F_FOUR, 72
    .equ F_LEFT, 76
    .equ F_BYTES, 80
    @ Another window keeps these where the weights of a 3x3 window are.
    .equ F_KERNEL_ROWS, 0
    .equ F_PAIRS, 4
    .equ F_ROW_BYTES, 8

    @ Three weights of a row, r0 on, r1: row step, r2: tap step, doubled, to \offset of the frame.
    .macro WIDEN3 offset
    ldrsb r3, [r0]
    ldrsb r5, [r0, r2]
    ldrsb r6, [r0, r2, lsl #1]
    add r0, r0, r1
    lsls r3, r3, #1
    pkhbt r3, r3, r5, lsl #17
    lsls r6, r6, #1
    strd r3, r6, [sp, #\offset]
    .endm

    @ A row: lr: its first input, r12: bytes of a row of the plane. The output stands in the frame.
    .macro BEGIN_ROW
    ldr lr, [sp, #F_ROW]
    ldrd r0, r1, [r4, #ROW_BYTES]
    ldr r2, [r4, #SPAN]
    mov r12, r0
    add r1, r1, lr
    str r1, [sp, #F_ROW]
    add r2, r2, lr
    str r2, [sp, #F_END]
    ldr r0, [sp, #F_ROW_OUTPUT]
    ldr r1, [r4, #OUTPUT_STEPS]
    str r0, [sp, #F_OUTPUT]
    add r0, r0, r1
    str r0, [sp, #F_ROW_OUTPUT]
    cmp lr, r2
    .endm

    @ Doubled sums r4-r7 through the output stage. Leaves a macro's 3 for what follows.
    .macro STAGE4
    ldrd r0, r1, [sp, #F_MULTIPLIER]
    ldrd r2, r3, [sp, #F_ROUNDING]
    cbnz r3, 5f
    smmlar r4, r4, r0, r2
    smmlar r5, r5, r0, r2
    smmlar r6, r6, r0, r2
    smmlar r7, r7, r0, r2
    asr r4, r4, r1
    asr r5, r5, r1
    asr r6, r6, r1
    asr r7, r7, r1
    ssat r4, #8, r4, asr #1
    ssat r5, #8, r5, asr #1
    ssat r6, #8, r6, asr #1
    ssat r7, #8, r7, asr #1
3:
    .endm

    @ Four outputs r4-r7, a pixel each.
    .macro STORE4
    ldrd r8, r9, [sp, #F_OUTPUT]
    add r10, r8, r9
    strb r4, [r8]
    strb r5, [r8, r9]
    strb r6, [r8, r9, lsl #1]
    strb r7, [r10, r9, lsl #1]
    add r8, r8, r9, lsl #2
    str r8, [sp, #F_OUTPUT]
    .endm

    @ The next row at \row, the next channel at \channel, or the end. r4: arguments
    .macro END_ROW row, channel
    ldr r0, [sp, #F_ROWS]
    subs r0, r0, #1
    str r0, [sp, #F_ROWS]
    bne.w \row\()b
    ldr r0, [r4, #CHANNELS]
    subs r0, r0, #1
    str r0, [r4, #CHANNELS]
    bne.w \channel\()b
    add sp, #F_BYTES
    pop {r4-r11, pc}
    .endm

    @ The call for all that STAGE4 does not do.
    .macro CARE_FOR
    mov r12, lr
    bl kinglet_armv7em_plane_care
    mov lr, r12
    ldr r12, [sp, #F_PLANE]
    ldr r12, [r12, #ROW_BYTES]
    .endm

    @ Row \index of the window for one output.
    .macro ONE_ROW index, from
    ldr r1, [\from]
    ldr r2, [\from, #4]
    ldrd r10, r11, [sp, #(8 * \index)]
    smlad r4, r1, r10, r4
    smlabb r4, r2, r11, r4
    .endm

    @ Row \index of the window for four outputs at stride 1: x0 ... x5 from \from.
    .macro ROW_STRIDE1 index, from, a0, a1, a2, a3
    ldm \from, {r1, r2, r3}
    ldr r8, [\from, #2]
    ldr r9, [\from, #6]
    ldrd r10, r11, [sp, #(8 * \index)]
    smlad r4, r1, r10, \a0
    smlad r5, r8, r10, \a1
    smlad r6, r2, r10, \a2
    smlad r7, r9, r10, \a3
    smlabb r4, r2, r11, r4
    smlabb r5, r9, r11, r5
    smlabb r6, r3, r11, r6
    smlatb r7, r3, r11, r7
    .endm

    .macro FOUR_STRIDE1 advance
    add r0, lr, r12
    ROW_STRIDE1 0, lr, r7, r7, r7, r7
    add lr, lr, #\advance
    ROW_STRIDE1 1, r0, r4, r5, r6, r7
    add r0, r0, r12
    ROW_STRIDE1 2, r0, r4, r5, r6, r7
    .endm

    @ The same at stride 2: x0 ... x9.
    .macro ROW_STRIDE2 index, from, a0, a1, a2, a3
    ldm \from, {r1, r2, r3, r8, r9}
    ldrd r10, r11, [sp, #(8 * \index)]
    smlad r4, r1, r10, \a0
    smlad r5, r2, r10, \a1
    smlad r6, r3, r10, \a2
    smlad r7, r8, r10, \a3
    smlabb r4, r2, r11, r4
    smlabb r5, r3, r11, r5
    smlabb r6, r8, r11, r6
    smlabb r7, r9, r11, r7
    .endm

    .macro FOUR_STRIDE2 advance
    add r0, lr, r12
    ROW_STRIDE2 0, lr, r7, r7, r7, r7
    add lr, lr, #\advance
    ROW_STRIDE2 1, r0, r4, r5, r6, r7
    add r0, r0, r12
    ROW_STRIDE2 2, r0, r4, r5, r6, r7
    .endm

@ ---------------------------------------------------------------------------------------------
@ The next channel. r4: the arguments, which move on. Doubles the bias and decodes the factor. Its frame is the
@ caller's; clobbers r0-r3 and r5.

    .section .text.kinglet_armv7em_plane_next, "ax", %progbits
    .p2align 2
    .type kinglet_armv7em_plane_next, %function
    .thumb_func
kinglet_armv7em_plane_next:
    ldr r0, [r4, #BIAS]
    ldr r1, [r0], #4
    str r0, [r4, #BIAS]
    lsls r1, r1, #1
    str r1, [sp, #F_BIAS]
    ldrd r0, r1, [r4, #WORDS]
    ldr r2, [r0]
    add r0, r0, r1
    str r0, [r4, #WORDS]
    ldrd r0, r3, [r4, #EXTRA]
    sub r3, r3, r2, lsr #30
    cbz r0, 1f
    ldrb r5, [r0]
    cmp r1, #0
    it ne
    addne r0, r0, #1
    str r0, [r4, #EXTRA]
    subs r3, r3, r5
1:
    movs r1, #1
    bfi r2, r1, #30, #2
    ldrd r0, r1, [r4, #ROUNDING]
    lsls r0, r0, r3
    strd r2, r3, [sp, #F_MULTIPLIER]
    strd r0, r1, [sp, #F_ROUNDING]
    ldrd r0, r1, [r4, #OUTPUT]
    str r0, [sp, #F_ROW_OUTPUT]
    adds r0, r0, #1
    str r0, [r4, #OUTPUT]
    ldr r1, [r4, #OUTPUT_STEPS + 4]
    str r1, [sp, #F_PIXEL_STEP]
    ldr r0, [r4, #INPUT]
    str r0, [sp, #F_ROW]
    ldr r1, [r4, #PLANE_STEP]
    add r0, r0, r1
    str r0, [r4, #INPUT]
    ldr r0, [r4, #ROWS]
    str r0, [sp, #F_ROWS]
    bx lr
    .size kinglet_armv7em_plane_next, . - kinglet_armv7em_plane_next

@ ---------------------------------------------------------------------------------------------
@ The output stage with everything a layer may ask for. r4-r7: doubled sums, then outputs; r0: multiplier, r1: right
@ shift less 1, r2: rounding, r3: bits of CARE. Its frame is the caller's.

    .section .text.kinglet_armv7em_plane_care, "ax", %progbits
    .p2align 2
    .type kinglet_armv7em_plane_care, %function
    .thumb_func
kinglet_armv7em_plane_care:
    add r8, r2, r4, asr #31
    add r9, r2, r5, asr #31
    add r10, r2, r6, asr #31
    add r11, r2, r7, asr #31
    smmlar r4, r4, r0, r8
    smmlar r5, r5, r0, r9
    smmlar r6, r6, r0, r10
    smmlar r7, r7, r0, r11
    asr r4, r4, r1
    asr r5, r5, r1
    asr r6, r6, r1
    asr r7, r7, r1
    ssat r4, #8, r4, asr #1
    ssat r5, #8, r5, asr #1
    ssat r6, #8, r6, asr #1
    ssat r7, #8, r7, asr #1
    lsls r3, r3, #31
    it cc
    bxcc lr
    ldr r8, [sp, #F_PLANE]
    ldrsh r0, [r8, #PLANE_MIN]
    ldrsh r1, [r8, #PLANE_MIN + 2]
    mov r2, #4
1:  @ clamp one and go on to the next, four times round
    cmp r4, r0
    it lt
    movlt r4, r0
    cmp r4, r1
    it gt
    movgt r4, r1
    mov r8, r4
    mov r4, r5
    mov r5, r6
    mov r6, r7
    mov r7, r8
    subs r2, #1
    bne 1b
    bx lr
    .size kinglet_armv7em_plane_care, . - kinglet_armv7em_plane_care

@ ---------------------------------------------------------------------------------------------
@ A 3x3 window at stride 1 or 2 along the row.

    .section .text.kinglet_armv7em_plane3x3, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_plane3x3
    .type kinglet_armv7em_plane3x3, %function
    .thumb_func
kinglet_armv7em_plane3x3:
    push {r4-r11, lr}
    sub sp, #F_BYTES
    str r0, [sp, #F_PLANE]
    mov r4, r0
    ldr r1, [r4, #STRIDE_BYTES]
    adr.w r0, 2f
    cmp r1, #4
    it eq
    subeq r0, r0, #(2f - 11f)
    orr r0, r0, #1
    str r0, [sp, #F_FOUR]
1:  @ a channel
    bl kinglet_armv7em_plane_next
    ldr r0, [r4, #WEIGHTS]
    ldrd r1, r2, [r4, #WEIGHT_STEPS]
    add r3, r0, #9
    str r3, [r4, #WEIGHTS]
    WIDEN3 0
    WIDEN3 8
    WIDEN3 16
7:  @ a row
    BEGIN_ROW
    beq.w 4f
    ldr pc, [sp, #F_FOUR]

    .p2align 2
11: @ four outputs at stride 2
    ldr r7, [sp, #F_BIAS]
    FOUR_STRIDE2 16
    b 12f

    .p2align 2
2:  @ four outputs at stride 1
    ldr r7, [sp, #F_BIAS]
    FOUR_STRIDE1 8
12:
    STAGE4
    STORE4
    ldr r0, [sp, #F_END]
    cmp lr, r0
    it lo
    ldrlo pc, [sp, #F_FOUR]
    ldr r4, [sp, #F_PLANE]
    b 4f
5:
    CARE_FOR
    b 3b
4:  @ one output at a time; r4: arguments
    ldr r0, [r4, #LEFT]
    cbz r0, 6f
8:
    str r0, [sp, #F_LEFT]
    ldr r4, [sp, #F_PLANE]
    ldr r6, [r4, #STRIDE_BYTES]
    ldr r4, [sp, #F_BIAS]
    add r3, lr, r12
    add r5, r3, r12
    ONE_ROW 0, lr
    add lr, lr, r6
    ONE_ROW 1, r3
    ONE_ROW 2, r5
    ldrd r0, r1, [sp, #F_MULTIPLIER]
    ldrd r2, r3, [sp, #F_ROUNDING]
    cbnz r3, 10f
    smmlar r4, r4, r0, r2
    asr r4, r4, r1
    ssat r4, #8, r4, asr #1
9:
    ldrd r8, r9, [sp, #F_OUTPUT]
    strb r4, [r8]
    add r8, r8, r9
    str r8, [sp, #F_OUTPUT]
    ldr r0, [sp, #F_LEFT]
    subs r0, r0, #1
    bne 8b
    ldr r4, [sp, #F_PLANE]
6:
    END_ROW 7, 1
10:
    CARE_FOR
    b 9b
    .size kinglet_armv7em_plane3x3, . - kinglet_armv7em_plane3x3

@ ---------------------------------------------------------------------------------------------
@ Any kernel and stride.

    @ Two taps of four outputs. r1: the first output's inputs, r8: bytes to the next output's, r9: three times that,
    @ r11: weights
    .macro PAIR_OF_TAPS
    ldr r10, [r11], #4
    ldr r3, [r1, r8]
    ldr r12, [r1, r8, lsl #1]
    smlad r5, r3, r10, r5
    smlad r6, r12, r10, r6
    ldr r3, [r1, r9]
    ldr r12, [r1], #4
    smlad r7, r3, r10, r7
    smlad r4, r12, r10, r4
    .endm

    .section .text.kinglet_armv7em_plane, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_plane
    .type kinglet_armv7em_plane, %function
    .thumb_func
kinglet_armv7em_plane:
    push {r4-r11, lr}
    sub sp, #F_BYTES
    str r0, [sp, #F_PLANE]
    mov r4, r0
1:  @ a channel
    bl kinglet_armv7em_plane_next
    @ widen its weights: rows of doubled pairs
    ldr r0, [r4, #WEIGHTS]
    ldrd r1, r2, [r4, #WEIGHT_STEPS]
    ldrd r5, r12, [r4, #KERNEL_ROWS]
    mla r3, r5, r12, r0
    str r3, [r4, #WEIGHTS]
    ldr r6, [r4, #WIDENED]
    add r3, r12, #1
    lsrs r3, r3, #1
    str r3, [sp, #F_PAIRS]
    ldr r3, [r4, #ROW_BYTES]
    str r3, [sp, #F_ROW_BYTES]
    movs r3, #0
    str r3, [sp, #F_LEFT]
8:
    mov r7, r0
    subs r8, r12, #1
    beq 10f
9:
    ldrsb r9, [r7]
    ldrsb r10, [r7, r2]
    add r7, r7, r2, lsl #1
    lsl r9, r9, #1
    pkhbt r9, r9, r10, lsl #17
    str r9, [r6], #4
    subs r8, r8, #2
    bgt 9b
    blt 11f
10:
    ldrsb r9, [r7]
    lsl r9, r9, #1
    uxth r9, r9
    str r9, [r6], #4
11:
    add r0, r0, r1
    subs r5, r5, #1
    bne 8b
7:  @ a row
    BEGIN_ROW
    beq.w 4f
2:  @ four outputs
    ldr r3, [sp, #F_PLANE]
    ldr r10, [r3, #KERNEL_ROWS]
    str r10, [sp, #F_KERNEL_ROWS]
    ldr r8, [r3, #STRIDE_BYTES]
    ldr r11, [r3, #WIDENED]
    ldr r4, [sp, #F_BIAS]
    add r9, r8, r8, lsl #1
    mov r5, r4
    mov r6, r4
    mov r7, r4
    mov r0, lr
    add lr, lr, r8, lsl #2
12: @ a row of the window
    mov r1, r0
    ldr r2, [sp, #F_PAIRS]
    lsrs r2, r2, #1
    bcc 13f
    PAIR_OF_TAPS
    cbz r2, 14f
13:
    PAIR_OF_TAPS
    PAIR_OF_TAPS
    subs r2, r2, #1
    bne 13b
14:
    ldr r3, [sp, #F_ROW_BYTES]
    add r0, r0, r3
    ldr r3, [sp, #F_KERNEL_ROWS]
    subs r3, r3, #1
    str r3, [sp, #F_KERNEL_ROWS]
    bne 12b
    STAGE4
    ldr r0, [sp, #F_LEFT]
    cbnz r0, 15f
    STORE4
    ldr r0, [sp, #F_END]
    cmp lr, r0
    blo.w 2b
    ldr r4, [sp, #F_PLANE]
    b 4f
5:
    CARE_FOR
    b 3b
4:  @ the last group, of which some are dropped; r4: arguments
    ldr r0, [r4, #LEFT]
    str r0, [sp, #F_LEFT]
    cmp r0, #0
    bne.w 2b
6:
    END_ROW 7, 1
15: @ r0: outputs to store
    ldrd r1, r2, [sp, #F_OUTPUT]
16:
    strb r4, [r1]
    add r1, r1, r2
    mov r4, r5
    mov r5, r6
    subs r0, #1
    bne 16b
    str r0, [sp, #F_LEFT]
    ldr r4, [sp, #F_PLANE]
    b 6b
    .size kinglet_armv7em_plane, . - kinglet_armv7em_plane
