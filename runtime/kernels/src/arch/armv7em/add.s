@ Elementwise addition for Armv7E-M. See add.rs for the arguments.

    .syntax unified
    .thumb

    @ An operand to the common scale. r8: -zero_point << 21, r9: multiplier, r10: rounding, r11: shift,
    @ r12: all ones when there is a shift, else 0. lr is scratch.
    .macro OPERAND x
    add \x, r8, \x, lsl #21
    smmulr \x, \x, r9
    and lr, r12, \x, asr #31
    add \x, \x, lr
    add \x, \x, r10
    asr \x, \x, r11
    .endm

    @ A sum to the output. r8: multiplier, r9: rounding, r10: shift.
    .macro RESULT x
    lsls \x, \x, #1
    smmulr \x, \x, r8
    add \x, \x, \x, asr #31
    add \x, \x, r9
    asr \x, \x, r10
    ssat \x, #8, \x
    .endm

    .section .text.kinglet_armv7em_add, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_add
    .type kinglet_armv7em_add, %function
    .thumb_func
kinglet_armv7em_add:
    push {r0, r4-r11, lr}
1:  @ four elements; r0: arguments
    ldr r1, [r0, #ADD_A]
    ldr r7, [r1], #4
    str r1, [r0, #ADD_A]
    add r1, r0, #ADD_FACTOR_A
    ldm r1, {r8-r12}
    sxtb r4, r7
    sxtb r5, r7, ror #8
    sxtb r6, r7, ror #16
    asrs r7, r7, #24
    OPERAND r4
    OPERAND r5
    OPERAND r6
    OPERAND r7
    ldr r1, [r0, #ADD_B]
    ldr r3, [r1], #4
    str r1, [r0, #ADD_B]
    adds r0, r0, #ADD_FACTOR_B
    ldm r0, {r8-r12}
    sxtb r0, r3
    sxtb r1, r3, ror #8
    sxtb r2, r3, ror #16
    asrs r3, r3, #24
    OPERAND r0
    OPERAND r1
    OPERAND r2
    OPERAND r3
    adds r4, r4, r0
    adds r5, r5, r1
    adds r6, r6, r2
    adds r7, r7, r3
    ldr r0, [sp]
    add r1, r0, #ADD_FACTOR_OUTPUT
    ldm r1, {r8-r12}
    RESULT r4
    RESULT r5
    RESULT r6
    RESULT r7
    bfi r4, r5, #8, #8
    bfi r4, r6, #16, #8
    bfi r4, r7, #24, #8
    @ r11, r12: the clamp in each byte
    ssub8 r1, r4, r11
    sel r4, r4, r11
    ssub8 r1, r4, r12
    sel r4, r12, r4
    ldr r1, [r0, #ADD_OUTPUT]
    str r4, [r1], #4
    str r1, [r0, #ADD_OUTPUT]
    ldr r1, [r0, #ADD_GROUPS]
    subs r1, r1, #1
    str r1, [r0, #ADD_GROUPS]
    bne 1b
    pop {r0, r4-r11, pc}
    .size kinglet_armv7em_add, . - kinglet_armv7em_add
