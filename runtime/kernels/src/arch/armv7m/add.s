@ Elementwise addition for Armv7-M, four elements at a time. See add.rs for the arguments.

    .syntax unified
    .thumb

    @ The scaled operand to twice the common scale. r8: offset, r9: multiplier, r10: rounding, r11: shift;
    @ r12, lr: scratch
    .macro ADD_OPERAND x
    add \x, r8, \x, lsl #21
    mov r12, #0x80000000
    add lr, r10, \x, asr #31
    smlal r12, lr, \x, r9
    asr \x, lr, r11
    .endm

    @ Adds the other operand, from r1, and goes to the output. r8: its offset, r9: multiplier, r10: rounding, r11: shift
    .macro ADD_RESULT x
    ldrsb r12, [r1], #1
    add r12, r8, r12, lsl #20
    add \x, r12, \x, lsl #1
    mov r12, #0x80000000
    add lr, r10, \x, asr #31
    smlal r12, lr, \x, r9
    asr lr, lr, r11
    ssat \x, #8, lr
    .endm

    @ \x between r8 and r9
    .macro ADD_CLAMP x
    cmp \x, r8
    it lt
    movlt \x, r8
    cmp \x, r9
    it gt
    movgt \x, r9
    .endm

    .section .text.kinglet_armv7m_add, "ax", %progbits
    .p2align 2
    .global kinglet_armv7m_add
    .type kinglet_armv7m_add, %function
    .thumb_func
kinglet_armv7m_add:
    push {r4-r11, lr}
    add r3, r0, #ADD_A
    ldm r3, {r1, r2, r3}
1:  @ r0: arguments, r1: the operand that has the common scale, r2: the other, r3: output
    ldm r0, {r8, r9, r10, r11}
    ldrsb r4, [r2], #1
    ldrsb r5, [r2], #1
    ldrsb r6, [r2], #1
    ldrsb r7, [r2], #1
    ADD_OPERAND r4
    ADD_OPERAND r5
    ADD_OPERAND r6
    ADD_OPERAND r7
    add r12, r0, #ADD_SUM
    ldm r12, {r8, r9, r10, r11}
    ADD_RESULT r4
    ADD_RESULT r5
    ADD_RESULT r6
    ADD_RESULT r7
    ldr r12, [r0, #ADD_CLAMPS]
    cmp r12, #0
    bne 3f
2:
    strb r4, [r3], #1
    strb r5, [r3], #1
    strb r6, [r3], #1
    strb r7, [r3], #1
    ldr r12, [r0, #ADD_END]
    cmp r3, r12
    bne 1b
    pop {r4-r11, pc}
3:
    ldrd r8, r9, [r0, #ADD_MIN]
    ADD_CLAMP r4
    ADD_CLAMP r5
    ADD_CLAMP r6
    ADD_CLAMP r7
    b 2b
    .size kinglet_armv7m_add, . - kinglet_armv7m_add
