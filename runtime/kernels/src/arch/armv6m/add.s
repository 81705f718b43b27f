@ Elementwise addition for Armv6-M. See add.rs for the method and the arguments.
@
@ r4, r5, r6: ends of both operands and of the output, r7: index from there. r8, r9: less the zero points, r10, r11:
@ clamps, r12: half of 2^11, lr: half of the second operand's last step.
@ [sp, 0]: the second operand's multiplier, lower half, [sp, 4]: upper half, [sp, 8]: its shift, [sp, 12], [sp, 16]: the
@ output's multiplier, [sp, 20]: half of 2^15, [sp, 24]: rounding constant with the zero point, [sp, 28]: shift.

    .section .text.kinglet_armv6m_add, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_add
    .type kinglet_armv6m_add, %function
    .thumb_func
kinglet_armv6m_add:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    sub sp, #32
    mov r1, sp
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r5}
    stm r1!, {r2-r5}
    ldm r0!, {r2-r7}
    mov r8, r2
    mov r9, r3
    mov r10, r4
    mov r11, r5
    mov r12, r6
    mov lr, r7
    ldm r0!, {r4-r7}
1:
    @ the first operand at the common scale: half of 2^20
    ldrsb r0, [r4, r7]
    ldrsb r1, [r5, r7]
    add r0, r8
    lsls r0, r0, #19
    @ the second
    add r1, r9
    ldr r2, [sp, #0]
    muls r2, r1, r2
    add r2, r12
    asrs r2, r2, #11
    ldr r3, [sp, #4]
    muls r1, r3, r1
    lsls r1, r1, #5
    adds r1, r1, r2
    asrs r2, r1, #31
    adds r1, r1, r2
    add r1, lr
    ldr r3, [sp, #8]
    asrs r1, r3
    adds r0, r0, r1
    @ the sum in halves of 15 bits, times the output's multiplier in halves of 16
    lsls r1, r0, #17
    lsrs r1, r1, #17
    asrs r0, r0, #15
    ldr r2, [sp, #12]
    movs r3, r2
    muls r3, r1, r3
    lsrs r3, r3, #15
    muls r2, r0, r2
    adds r2, r2, r3
    asrs r2, r2, #1
    ldr r3, [sp, #16]
    muls r1, r3, r1
    adds r1, r1, r2
    ldr r2, [sp, #20]
    adds r1, r1, r2
    asrs r1, r1, #15
    muls r0, r3, r0
    adds r0, r0, r1
    asrs r1, r0, #31
    adds r0, r0, r1
    ldr r1, [sp, #24]
    adds r0, r0, r1
    ldr r1, [sp, #28]
    asrs r0, r1
    cmp r0, r10
    bge 2f
    mov r0, r10
2:
    cmp r0, r11
    ble 3f
    mov r0, r11
3:
    strb r0, [r6, r7]
    adds r7, #1
    bne 1b
    add sp, #32
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size kinglet_armv6m_add, . - kinglet_armv6m_add
