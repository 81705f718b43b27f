@ Depthwise micro-kernels for Armv7E-M: one output channel over some rows of a planar, widened input.
@ See depthwise.rs for the method and the arguments.

    .syntax unified
    .thumb

    .equ INPUT, 0
    .equ ROW_BYTES, 4
    .equ ROWS, 8
    .equ WIDTH, 12
    .equ WEIGHTS, 16
    .equ KERNEL_ROWS, 20
    .equ PAIRS, 24
    .equ STRIDE_BYTES, 28
    .equ BIAS, 32
    .equ MULTIPLIER, 36
    .equ ROUNDING, 40
    .equ RIGHT, 44
    .equ OUTPUT, 48
    .equ PIXEL_BYTES, 52
    .equ CLAMPS, 56
    .equ PLANE_MIN, 60
    .equ PLANE_MAX, 64
    .equ ROW_STEP, 68

    @ Doubled accumulator \acc to an output in i8 range. r0: multiplier, r1: rounding, r2: right shift.
    .macro STAGE acc
    smmulr \acc, \acc, r0
    add \acc, \acc, \acc, asr #31
    add \acc, \acc, r1
    asr \acc, \acc, r2
    ssat \acc, #8, \acc
    .endm

    @ \acc between r0 and r1
    .macro CLAMP acc
    cmp \acc, r0
    it lt
    movlt \acc, r0
    cmp \acc, r1
    it gt
    movgt \acc, r1
    .endm

    @ Four outputs r4-r7 through the output stage and out, one pixel each. Ends with r3: plane.
    .macro STORE4
    ldr r3, [sp]
    ldrd r0, r1, [r3, #MULTIPLIER]
    ldr r2, [r3, #RIGHT]
    smmulr r4, r4, r0
    smmulr r5, r5, r0
    smmulr r6, r6, r0
    smmulr r7, r7, r0
    add r4, r4, r4, asr #31
    add r5, r5, r5, asr #31
    add r6, r6, r6, asr #31
    add r7, r7, r7, asr #31
    add r4, r4, r1
    add r5, r5, r1
    add r6, r6, r1
    add r7, r7, r1
    asr r4, r4, r2
    asr r5, r5, r2
    asr r6, r6, r2
    asr r7, r7, r2
    ssat r4, #8, r4
    ssat r5, #8, r5
    ssat r6, #8, r6
    ssat r7, #8, r7
    ldr r0, [r3, #CLAMPS]
    cbz r0, 9f
    ldrd r0, r1, [r3, #PLANE_MIN]
    CLAMP r4
    CLAMP r5
    CLAMP r6
    CLAMP r7
9:
    ldrd r8, r9, [r3, #OUTPUT]
    strb r4, [r8]
    strb r5, [r8, r9]
    add r8, r8, r9, lsl #1
    strb r6, [r8]
    strb r7, [r8, r9]
    add r8, r8, r9, lsl #1
    str r8, [r3, #OUTPUT]
    .endm

    @ One output r4 through the output stage and out. Ends with r3: plane.
    .macro STORE1
    ldr r3, [sp]
    ldrd r0, r1, [r3, #MULTIPLIER]
    ldr r2, [r3, #RIGHT]
    STAGE r4
    ldr r0, [r3, #CLAMPS]
    cbz r0, 9f
    ldrd r0, r1, [r3, #PLANE_MIN]
    CLAMP r4
9:
    ldrd r8, r9, [r3, #OUTPUT]
    strb r4, [r8]
    add r8, r8, r9
    str r8, [r3, #OUTPUT]
    .endm

    @ The loop over rows, groups of four outputs and single outputs that both 3x3 kernels share.
    @ [sp]: plane, [sp, 4]: position in the row, [sp, 8]: outputs left in the row.
    .macro ROWS_OF_3X3 name, advance, four, one
    .section .text.\name, "ax", %progbits
    .p2align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    sub sp, #12
    str r0, [sp]
    mov r3, r0
1:  @ a row; r3: plane
    ldr r0, [r3, #INPUT]
    ldr r1, [r3, #WIDTH]
    str r0, [sp, #4]
    ldr r2, [r3, #ROW_STEP]
    add r2, r2, r0
    str r2, [r3, #INPUT]
2:  @ r1: outputs left; r3: plane
    subs r1, r1, #4
    blt 3f
    str r1, [sp, #8]
    ldr r0, [sp, #4]
    add r1, r0, #(4 * \advance)
    str r1, [sp, #4]
    ldr r12, [r3, #ROW_BYTES]
    ldr lr, [r3, #WEIGHTS]
    ldr r7, [r3, #BIAS]
    \four
    STORE4
    ldr r1, [sp, #8]
    b 2b
3:
    adds r1, r1, #4
    beq 5f
    str r1, [sp, #8]
4:  @ one output
    ldr r0, [sp, #4]
    add r1, r0, #\advance
    str r1, [sp, #4]
    ldr r12, [r3, #ROW_BYTES]
    ldr lr, [r3, #WEIGHTS]
    ldr r4, [r3, #BIAS]
    .rept 3
    ldr r1, [r0]
    ldr r2, [r0, #4]
    ldrd r10, r11, [lr], #8
    add r0, r0, r12
    smlad r4, r1, r10, r4
    smlabb r4, r2, r11, r4
    .endr
    STORE1
    ldr r1, [sp, #8]
    subs r1, r1, #1
    str r1, [sp, #8]
    bne 4b
5:
    ldr r1, [r3, #ROWS]
    subs r1, r1, #1
    str r1, [r3, #ROWS]
    bne 1b
    add sp, #12
    pop {r4-r11, pc}
    .size \name, . - \name
    .endm

    @ A kernel row for four outputs at stride 1: x0 ... x5 from r0, weights (w0, w1), (w2, 0) from lr.
    .macro ROW_STRIDE1 a0, a1, a2, a3
    ldm r0, {r1, r2, r3}
    ldr r8, [r0, #2]
    ldr r9, [r0, #6]
    ldrd r10, r11, [lr], #8
    add r0, r0, r12
    smlad r4, r1, r10, \a0
    smlad r5, r8, r10, \a1
    smlad r6, r2, r10, \a2
    smlad r7, r9, r10, \a3
    smlad r4, r2, r11, r4
    smlad r5, r9, r11, r5
    smlad r6, r3, r11, r6
    smlatb r7, r3, r11, r7
    .endm

    .macro FOUR_STRIDE1
    ROW_STRIDE1 r7, r7, r7, r7
    ROW_STRIDE1 r4, r5, r6, r7
    ROW_STRIDE1 r4, r5, r6, r7
    .endm

    @ A kernel row for four outputs at stride 2: x0 ... x9 from r0.
    .macro ROW_STRIDE2 a0, a1, a2, a3
    ldm r0, {r1, r2, r3, r8, r9}
    ldrd r10, r11, [lr], #8
    add r0, r0, r12
    smlad r4, r1, r10, \a0
    smlad r5, r2, r10, \a1
    smlad r6, r3, r10, \a2
    smlad r7, r8, r10, \a3
    smlabb r4, r2, r11, r4
    smlabb r5, r3, r11, r5
    smlabb r6, r8, r11, r6
    smlabb r7, r9, r11, r7
    .endm

    .macro FOUR_STRIDE2
    ROW_STRIDE2 r7, r7, r7, r7
    ROW_STRIDE2 r4, r5, r6, r7
    ROW_STRIDE2 r4, r5, r6, r7
    .endm

    ROWS_OF_3X3 kinglet_armv7em_plane3x3s1, 2, FOUR_STRIDE1
    ROWS_OF_3X3 kinglet_armv7em_plane3x3s2, 4, FOUR_STRIDE2

@ ---------------------------------------------------------------------------------------------
@ Any kernel and stride, two outputs at a time.
@ [sp]: plane, [sp, 4]: position in the row, [sp, 8]: outputs left in the row.

    .section .text.kinglet_armv7em_plane, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_plane
    .type kinglet_armv7em_plane, %function
    .thumb_func
kinglet_armv7em_plane:
    push {r4-r11, lr}
    sub sp, #12
    str r0, [sp]
    mov r3, r0
1:  @ a row; r3: plane
    ldr r0, [r3, #INPUT]
    ldr r1, [r3, #WIDTH]
    str r0, [sp, #4]
    str r1, [sp, #8]
    ldr r2, [r3, #ROW_STEP]
    add r2, r2, r0
    str r2, [r3, #INPUT]
2:  @ two outputs; r3: plane
    ldr r0, [sp, #4]
    ldr r8, [r3, #STRIDE_BYTES]
    add r1, r0, r8, lsl #1
    str r1, [sp, #4]
    ldr r9, [r3, #WEIGHTS]
    ldr r4, [r3, #BIAS]
    mov r5, r4
    ldr r10, [r3, #KERNEL_ROWS]
    ldr r11, [r3, #PAIRS]
    ldr r12, [r3, #ROW_BYTES]
3:  @ a kernel row
    mov r6, r0
    mov r7, r11
    @ an odd number of pairs starts in the middle
    lsrs r7, r7, #1
    bcc 4f
    ldr r2, [r6, r8]
    ldr r1, [r6], #4
    ldr lr, [r9], #4
    smlad r4, r1, lr, r4
    smlad r5, r2, lr, r5
    cbz r7, 5f
4:
    ldr r2, [r6, r8]
    ldr r1, [r6], #4
    ldr lr, [r9], #4
    smlad r4, r1, lr, r4
    smlad r5, r2, lr, r5
    ldr r2, [r6, r8]
    ldr r1, [r6], #4
    ldr lr, [r9], #4
    smlad r4, r1, lr, r4
    smlad r5, r2, lr, r5
    subs r7, r7, #1
    bne 4b
5:
    add r0, r0, r12
    subs r10, r10, #1
    bne 3b
    ldrd r0, r1, [r3, #MULTIPLIER]
    ldr r2, [r3, #RIGHT]
    STAGE r4
    STAGE r5
    ldr r0, [r3, #CLAMPS]
    cbz r0, 6f
    ldrd r0, r1, [r3, #PLANE_MIN]
    CLAMP r4
    CLAMP r5
6:
    ldrd r8, r9, [r3, #OUTPUT]
    strb r4, [r8]
    add r8, r8, r9
    ldr r1, [sp, #8]
    subs r1, r1, #2
    str r1, [sp, #8]
    blt 7f
    strb r5, [r8]
    add r8, r8, r9
7:
    str r8, [r3, #OUTPUT]
    cmp r1, #0
    bgt 2b
    ldr r1, [r3, #ROWS]
    subs r1, r1, #1
    str r1, [r3, #ROWS]
    bne 1b
    add sp, #12
    pop {r4-r11, pc}
    .size kinglet_armv7em_plane, . - kinglet_armv7em_plane

@ ---------------------------------------------------------------------------------------------
@ Four channels of a row of pixels into four planes.
@ r0: source, r1: target in the first plane, r2: pixels (not 0), r3: bytes from pixel to pixel,
@ [sp]: bytes from plane to plane

    .section .text.kinglet_armv7em_planar, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_planar
    .type kinglet_armv7em_planar, %function
    .thumb_func
kinglet_armv7em_planar:
    push {r4-r11, lr}
    ldr r12, [sp, #36]
    add lr, r1, r12, lsl #1
    subs r2, r2, #2
    blt 2f
1:  @ two pixels
    ldr r4, [r0]
    ldr r5, [r0, r3]
    add r0, r0, r3, lsl #1
    sxtb16 r6, r4
    sxtb16 r7, r4, ror #8
    sxtb16 r8, r5
    sxtb16 r9, r5, ror #8
    pkhbt r10, r6, r8, lsl #16
    pkhtb r11, r8, r6, asr #16
    pkhbt r4, r7, r9, lsl #16
    pkhtb r5, r9, r7, asr #16
    str r4, [r1, r12]
    str r5, [lr, r12]
    str r10, [r1], #4
    str r11, [lr], #4
    subs r2, r2, #2
    bge 1b
2:
    adds r2, r2, #2
    beq 3f
    ldr r4, [r0]
    sxtb16 r6, r4
    sxtb16 r7, r4, ror #8
    strh r6, [r1]
    strh r7, [r1, r12]
    lsr r6, r6, #16
    lsr r7, r7, #16
    strh r6, [lr]
    strh r7, [lr, r12]
3:
    pop {r4-r11, pc}
    .size kinglet_armv7em_planar, . - kinglet_armv7em_planar
