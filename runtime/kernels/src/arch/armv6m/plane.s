@ Depthwise kernels for Armv6-M over a plane of words, three outputs of a row at a time. See mod.rs for the method and
@ depthwise.rs for the arguments.
@
@ r8, r9: sums in lanes, then rounding constant and lower clamp; r10: from the first sum's words of a kernel row to the
@ second's, less a row of words; r11: from there to the next kernel row; r12: upper clamp; lr: bytes from an output to
@ the one before.
@ [sp, 0] to [sp, 8]: accumulators, [sp, 12]: the third output, [sp, 16]: window of the first, [sp, 20]: outputs left
@ in the row, [sp, 24]: window of the row, [sp, 28]: rows left, [sp, 32]: arguments, [sp, 36]: six pixels,
@ [sp, 40]: not zero when the lower clamp is the zero point, [sp, 44]: not zero for a 3x3 kernel.

@ A row of three taps: 17 instructions for nine products.
    .macro kinglet_three_taps
    ldm r1!, {r2-r4}
    ldm r0!, {r5-r7}
    muls r5, r2, r5
    muls r6, r3, r6
    muls r7, r4, r7
    add r8, r5
    add r8, r6
    add r8, r7
    add r0, r10
    ldm r0!, {r5-r7}
    muls r5, r2, r5
    muls r6, r3, r6
    muls r7, r4, r7
    add r9, r5
    add r9, r6
    add r9, r7
    add r0, r11
    .endm

    .section .text.kinglet_armv6m_plane, "ax", %progbits
    .p2align 2
.Lplane_to_any_kernel:
    b .Lplane_any_kernel
    .p2align 2
    .global kinglet_armv6m_plane
    .type kinglet_armv6m_plane, %function
    .thumb_func
kinglet_armv6m_plane:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    sub sp, #48
    mov r6, r0
    str r6, [sp, #32]
    ldr r1, [r6, #PLANE_INPUT]
    str r1, [sp, #24]
    ldr r1, [r6, #PLANE_ROWS]
    str r1, [sp, #28]
    ldr r1, [r6, #PLANE_PIXEL]
    negs r2, r1
    mov lr, r2
    ldr r2, [r6, #PLANE_OUTPUT]
    adds r2, r2, r1
    adds r2, r2, r1
    str r2, [sp, #12]
    lsls r2, r1, #2
    adds r2, r2, r1
    adds r2, r2, r1
    str r2, [sp, #36]
    ldr r1, [r6, #PLANE_RELU]
    str r1, [sp, #40]
    ldr r1, [r6, #PLANE_SMALL]
    str r1, [sp, #44]
    ldr r1, [r6, #PLANE_SECOND]
    mov r10, r1
    ldr r1, [r6, #PLANE_NEXT]
    mov r11, r1
    ldr r1, [r6, #PLANE_MAX]
    mov r12, r1
.Lplane_row:
    ldr r0, [sp, #24]
    str r0, [sp, #16]
    ldr r6, [sp, #32]
    ldr r1, [r6, #PLANE_WIDTH]
    str r1, [sp, #20]
.Lplane_triple:
    ldr r6, [sp, #32]
    ldr r0, [sp, #16]
    ldr r1, [r6, #PLANE_TRIPLE]
    adds r1, r1, r0
    str r1, [sp, #16]
    ldr r1, [r6, #PLANE_WEIGHTS]
    ldr r2, [r6, #PLANE_START]
    mov r8, r2
    mov r9, r2
    ldr r2, [sp, #44]
    cmp r2, #0
    beq .Lplane_to_any_kernel
    kinglet_three_taps
    kinglet_three_taps
    kinglet_three_taps
.Lplane_separate:
    @ separate the lanes
    mov r2, r8
    mov r3, r9
    lsls r1, r3, #11
    subs r1, r2, r1
    lsls r1, r1, #10
    asrs r1, r1, #10
    subs r2, r2, r1
    asrs r2, r2, #11
    subs r3, r3, r2
    asrs r3, r3, #11
    mov r0, sp
    stm r0!, {r1-r3}
    ldr r0, [sp, #32]
    adds r0, #PLANE_FACTOR
    ldm r0!, {r2-r7}
    mov r8, r6
    mov r9, r7
    ldr r7, [sp, #12]
    ldr r1, [sp, #40]
    ldr r0, [sp, #20]
    subs r0, #3
    str r0, [sp, #20]
    blt .Lplane_partial
    cmp r1, #0
    beq .Lplane_any
    kinglet_output_relu kinglet_narrow_product, 8, r12
.Lplane_relu_second:
    kinglet_output_relu kinglet_narrow_product, 4, r12
.Lplane_relu_first:
    kinglet_output_relu kinglet_narrow_product, 0, r12
.Lplane_next:
    ldr r0, [sp, #36]
    adds r7, r7, r0
    str r7, [sp, #12]
    ldr r0, [sp, #20]
    cmp r0, #0
    ble .Lplane_row_end
    b .Lplane_triple
.Lplane_row_end:
    @ the next row's first output follows the last
    mov r1, lr
    muls r0, r1, r0
    subs r7, r7, r0
    str r7, [sp, #12]
    ldr r0, [sp, #28]
    subs r0, #1
    str r0, [sp, #28]
    beq .Lplane_done
    ldr r6, [sp, #32]
    ldr r0, [r6, #PLANE_ROW]
    ldr r1, [sp, #24]
    adds r1, r1, r0
    str r1, [sp, #24]
    b .Lplane_row
.Lplane_done:
    add sp, #48
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}

.Lplane_any_kernel:
    @ ten instructions for three products. r3: bytes from the first sum's word to the second's
    ldr r2, [r6, #PLANE_WEIGHTS_END]
    mov r12, r2
    ldr r2, [r6, #PLANE_KERNEL_ROW]
    mov r3, r10
.Lplane_kernel_row:
    adds r7, r1, r2
.Lplane_tap:
    ldm r1!, {r4}
    ldr r6, [r0, r3]
    ldm r0!, {r5}
    muls r5, r4, r5
    muls r6, r4, r6
    add r8, r5
    add r9, r6
    cmp r1, r7
    bne .Lplane_tap
    add r0, r11
    cmp r1, r12
    bne .Lplane_kernel_row
    ldr r6, [sp, #32]
    ldr r2, [r6, #PLANE_MAX]
    mov r12, r2
    b .Lplane_separate

.Lplane_partial:
    @ one or two outputs, -r0 fewer than three
    mov r6, lr
    muls r6, r0, r6
    subs r7, r7, r6
    cmp r1, #0
    beq .Lplane_any
    adds r0, #1
    beq .Lplane_relu_second
    b .Lplane_relu_first

.Lplane_any:
    ldr r6, [sp, #32]
    ldr r1, [r6, #PLANE_NEGATIVE]
    mov r10, r1
    cmp r0, #0
    bge .Lplane_any_third
    adds r0, #1
    beq .Lplane_any_second
    b .Lplane_any_first
.Lplane_any_third:
    kinglet_output_any kinglet_narrow_product, 8, r12
.Lplane_any_second:
    kinglet_output_any kinglet_narrow_product, 4, r12
.Lplane_any_first:
    kinglet_output_any kinglet_narrow_product, 0, r12
    ldr r6, [sp, #32]
    ldr r1, [r6, #PLANE_SECOND]
    mov r10, r1
    b .Lplane_next
    .size kinglet_armv6m_plane, . - kinglet_armv6m_plane
