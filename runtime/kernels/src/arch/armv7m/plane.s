@ Depthwise micro-kernels for Armv7-M: one output channel over some rows of a plane of overlapping pairs.
@ See crate::depthwise::triples for the method and depthwise.rs for the arguments.

    .syntax unified
    .thumb

    .equ SAVED_INPUT, 0
    .equ SAVED_END, 4

    @ Doubled accumulator \acc to an output in i8 range. r3: multiplier, r4: rounding, r5: right shift; r2, r8: scratch.
    .macro PLANE_STAGE acc
    mov r2, #0x80000000
    add r8, r4, \acc, asr #31
    smlal r2, r8, \acc, r3
    asr r8, r8, r5
    ssat \acc, #8, r8
    .endm

    @ \acc between r2 and r3
    .macro PLANE_CLAMP acc
    cmp \acc, r2
    it lt
    movlt \acc, r2
    cmp \acc, r3
    it gt
    movgt \acc, r3
    .endm

    @ The sums in r6, r7 to three outputs r1, r6, r7. r11: plane; r2-r5, r8-r10: scratch. Leaves the place of the first
    @ output in r9, the distance to the next in r10.
    .macro PLANE_OUTPUTS
    sub r1, r6, r7, lsl #11
    sbfx r1, r1, #0, #22
    sub r6, r6, r1
    sub r7, r7, r6, asr #11
    add r2, r11, #CHANNEL
    ldm r2, {r2, r3, r4, r5, r9, r10}
    add r1, r2, r1, lsl #1
    add r6, r2, r6, asr #10
    add r7, r2, r7, asr #10
    PLANE_STAGE r1
    PLANE_STAGE r6
    PLANE_STAGE r7
    ldr r2, [r11, #CLAMPS]
    cbz r2, 99f
    ldrd r2, r3, [r11, #PLANE_MIN]
    PLANE_CLAMP r1
    PLANE_CLAMP r6
    PLANE_CLAMP r7
99:
    .endm

    @ Stores three outputs, or as many as the row still has when r0, behind the window of the next, has passed the end.
    .macro PLANE_STORE
    ldr r2, [sp, #SAVED_END]
    strb r1, [r9]
    subs r2, r2, r0
    blt 98f
    strb r6, [r9, r10]
    strb r7, [r9, r10, lsl #1]
    add r9, r9, r10
    add r9, r9, r10, lsl #1
    str r9, [r11, #OUTPUT]
    .endm

    @ The end of a row whose last outputs are one or two. r2: from r0 to the end of the row, negative
    .macro PLANE_STORE_LAST advance
    adds r2, r2, \advance
    blt 97f
    strb r6, [r9, r10]
    add r9, r9, r10
97:
    add r9, r9, r10
    str r9, [r11, #OUTPUT]
    .endm

    @ A row of a 3x3 window. r0: its words, lr: weights, r12: bytes to the next row; \first: 1 to start the sums
    .macro ROW_STRIDE1 first
    ldm r0, {r1, r2, r3, r4}
    ldm lr!, {r8, r9, r10}
    add r0, r0, r12
    .if \first
    mul r6, r1, r8
    mul r7, r2, r8
    .else
    mla r6, r1, r8, r6
    mla r7, r2, r8, r7
    .endif
    mla r6, r2, r9, r6
    mla r7, r3, r9, r7
    mla r6, r3, r10, r6
    mla r7, r4, r10, r7
    .endm

    .macro ROW_STRIDE2 first
    ldm r0, {r1, r2, r3, r4, r5}
    ldm lr!, {r8, r9, r10}
    add r0, r0, r12
    .if \first
    mul r6, r1, r8
    mul r7, r3, r8
    .else
    mla r6, r1, r8, r6
    mla r7, r3, r8, r7
    .endif
    mla r6, r2, r9, r6
    mla r7, r4, r9, r7
    mla r6, r3, r10, r6
    mla r7, r5, r10, r7
    .endm

    @ A 3x3 window. r0: window, r11: plane, r12: bytes of a plane's row, lr: weights
    .macro PLANE3X3 name, row, stride
    .section .text.\name, "ax", %progbits
    .p2align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r4-r11, lr}
    sub sp, #12
    mov r11, r0
    ldr r12, [r11, #ROW_BYTES]
    @ from behind the window to the window of the next three outputs
    add r1, r12, r12, lsl #1
    sub r1, r1, #(12 * \stride)
    str r1, [sp, #8]
    ldr lr, [r11, #WEIGHTS]
1:  @ a row of outputs
    ldr r0, [r11, #INPUT]
    ldr r1, [r11, #ROW_STEP]
    add r1, r1, r0
    str r1, [r11, #INPUT]
    ldr r1, [r11, #WIDTH]
    add r1, r0, r1, lsl #(1 + \stride)
    str r1, [sp, #SAVED_END]
2:  @ three outputs
    \row 1
    \row 0
    \row 0
    sub lr, lr, #36
    ldr r1, [sp, #8]
    sub r0, r0, r1
    PLANE_OUTPUTS
    PLANE_STORE
    bne 2b
3:
    ldr r1, [r11, #ROWS]
    subs r1, r1, #1
    str r1, [r11, #ROWS]
    bne 1b
    add sp, #12
    pop {r4-r11, pc}
98:
    PLANE_STORE_LAST #(4 * \stride)
    b 3b
    .size \name, . - \name
    .endm

    PLANE3X3 kinglet_armv7m_plane3x3s1, ROW_STRIDE1, 1
    PLANE3X3 kinglet_armv7m_plane3x3s2, ROW_STRIDE2, 2

@ ---------------------------------------------------------------------------------------------
@ Any window. r0: window, r1, r2: words of acc1 and acc2, r3: taps left in a row, r4, r5: words, r6, r7: acc1, acc2,
@ r8: weight, r9: rows left, r10: bytes of the stride, r11: plane, r12: bytes of a plane's row, lr: weights

    .macro PLANE_TAP
    ldr r8, [lr], #4
    ldr r4, [r1], #4
    ldr r5, [r2], #4
    mla r6, r4, r8, r6
    mla r7, r5, r8, r7
    .endm

    .section .text.kinglet_armv7m_plane, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_plane
    .type kinglet_armv7m_plane, %function
    .thumb_func
kinglet_armv7m_plane:
    push {r4-r11, lr}
    sub sp, #12
    mov r11, r0
    ldr r12, [r11, #ROW_BYTES]
1:  @ a row of outputs
    ldr r0, [r11, #INPUT]
    ldr r1, [r11, #ROW_STEP]
    add r1, r1, r0
    str r1, [r11, #INPUT]
    ldr r1, [r11, #WIDTH]
    ldr r2, [r11, #STRIDE_BYTES]
    mla r1, r1, r2, r0
    str r1, [sp, #SAVED_END]
2:  @ three outputs
    str r0, [sp, #SAVED_INPUT]
    movs r6, #0
    movs r7, #0
    ldr lr, [r11, #WEIGHTS]
    ldr r9, [r11, #KERNEL_ROWS]
    ldr r10, [r11, #STRIDE_BYTES]
3:  @ a row of taps; an odd number of them starts in the middle
    mov r1, r0
    add r2, r0, r10
    ldr r3, [r11, #KERNEL_WIDTH]
    lsrs r3, r3, #1
    bcc 4f
    PLANE_TAP
    cbz r3, 5f
4:
    PLANE_TAP
    PLANE_TAP
    subs r3, r3, #1
    bne 4b
5:
    add r0, r0, r12
    subs r9, r9, #1
    bne 3b
    ldr r0, [sp, #SAVED_INPUT]
    add r0, r0, r10
    add r0, r0, r10, lsl #1
    PLANE_OUTPUTS
    PLANE_STORE
    bne 2b
6:
    ldr r1, [r11, #ROWS]
    subs r1, r1, #1
    str r1, [r11, #ROWS]
    bne 1b
    add sp, #12
    pop {r4-r11, pc}
98:
    ldr r3, [r11, #STRIDE_BYTES]
    PLANE_STORE_LAST r3
    b 6b
    .size kinglet_armv7m_plane, . - kinglet_armv7m_plane

@ ---------------------------------------------------------------------------------------------
@ Four channels of rows of pixels into four planes.
@ r0: source, r1: target in the first plane, r2: pixels, r3: bytes from pixel to pixel, r12: bytes from plane to plane,
@ lr: target in the third plane; [sp]: arguments

    @ The values r4-r7 before a pixel become words with its values \a-\d.
    .macro PLANE_PIXEL o, p, q, r, a, b, c, d, step
    ldr \d, [r0]
    add r0, r0, r3
    sxtb \a, \d
    sxtb \b, \d, ror #8
    sxtb \c, \d, ror #16
    asr \d, \d, #24
    add \o, \o, \a, lsl #11
    add \p, \p, \b, lsl #11
    add \q, \q, \c, lsl #11
    add \r, \r, \d, lsl #11
    str \p, [r1, r12]
    str \o, [r1], #\step
    str \r, [lr, r12]
    str \q, [lr], #\step
    .endm

    .macro PLANE_TRANSPOSE name, step
    .section .text.\name, "ax", %progbits
    .p2align 2
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push {r0, r4-r11, lr}
    mov lr, r0
9:  @ a row; lr: arguments
    ldm lr, {r0, r1, r2, r3, r4, r12}
    ldrd r5, r6, [lr, #TRANSPOSE_STEPS]
    add r5, r5, r0
    add r6, r6, r1
    strd r5, r6, [lr]
    add lr, r1, r12, lsl #1
    mov r5, r4
    mov r6, r4
    mov r7, r4
    subs r2, r2, #2
    blt 2f
1:
    PLANE_PIXEL r4, r5, r6, r7, r8, r9, r10, r11, \step
    PLANE_PIXEL r8, r9, r10, r11, r4, r5, r6, r7, \step
    subs r2, r2, #2
    bge 1b
2:
    adds r2, r2, #2
    beq 3f
    PLANE_PIXEL r4, r5, r6, r7, r8, r9, r10, r11, \step
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
3:
    ldr r9, [sp]
    ldr r8, [r9, #TRANSPOSE_PADDING]
    add r4, r4, r8, lsl #11
    add r5, r5, r8, lsl #11
    add r6, r6, r8, lsl #11
    add r7, r7, r8, lsl #11
    str r4, [r1]
    str r5, [r1, r12]
    str r6, [lr]
    str r7, [lr, r12]
    mov lr, r9
    ldr r4, [lr, #TRANSPOSE_ROWS]
    subs r4, r4, #1
    str r4, [lr, #TRANSPOSE_ROWS]
    bne 9b
    pop {r0, r4-r11, pc}
    .size \name, . - \name
    .endm

    PLANE_TRANSPOSE kinglet_armv7m_transpose1, 4
    PLANE_TRANSPOSE kinglet_armv7m_transpose2, 8

@ ---------------------------------------------------------------------------------------------
@ Moving words towards the front. r0: target, r1: source, r2: times four words

    .section .text.kinglet_armv7m_shift, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_shift
    .type kinglet_armv7m_shift, %function
    .thumb_func
kinglet_armv7m_shift:
    push {r4, r5, r6, lr}
    cbz r2, 2f
1:
    ldm r1!, {r3, r4, r5, r6}
    stm r0!, {r3, r4, r5, r6}
    subs r2, r2, #1
    bne 1b
2:
    pop {r4, r5, r6, pc}
    .size kinglet_armv7m_shift, . - kinglet_armv7m_shift
