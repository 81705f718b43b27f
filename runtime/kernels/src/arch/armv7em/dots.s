@ Sums of products of int8 for Armv7E-M. See dots.rs.

    .syntax unified
    .thumb

@ ---------------------------------------------------------------------------------------------
@ Four rows beside each other times one vector, each element of which is 16 bits wide once its zero point is subtracted.
@ r0: vector, r1: first row, r2: bytes from row to row, r3: elements, not 0,
@ stack: twice the negated zero point, sums to add to

    .macro DOTS_ROW sum
    sxtb16 r11, r10, ror #8
    sxtb16 r10, r10
    smlad \sum, r9, r11, \sum
    smlad \sum, r8, r10, \sum
    .endm

    .section .text.kinglet_armv7em_dots_along, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_dots_along
    .type kinglet_armv7em_dots_along, %function
    .thumb_func
kinglet_armv7em_dots_along:
    push {r4-r11, lr}
    ldr r12, [sp, #36]
    ldr r8, [sp, #40]
    ldm r8, {r4-r7}
    add lr, r2, r2, lsl #1
    subs r3, #4
    blo 2f
1:  ldr r8, [r0], #4
    sxtab16 r9, r12, r8, ror #8
    sxtab16 r8, r12, r8
    ldr r10, [r1]
    DOTS_ROW r4
    ldr r10, [r1, r2]
    DOTS_ROW r5
    ldr r10, [r1, r2, lsl #1]
    DOTS_ROW r6
    ldr r10, [r1, lr]
    DOTS_ROW r7
    adds r1, #4
    subs r3, #4
    bhs 1b
2:  adds r3, #4
    beq 4f
3:  ldrsb r8, [r0], #1
    sxtah r8, r8, r12
    ldrsb r9, [r1]
    ldrsb r10, [r1, r2]
    mla r4, r8, r9, r4
    mla r5, r8, r10, r5
    ldrsb r9, [r1, r2, lsl #1]
    ldrsb r10, [r1, lr]
    mla r6, r8, r9, r6
    mla r7, r8, r10, r7
    adds r1, #1
    subs r3, #1
    bne 3b
4:  ldr r8, [sp, #40]
    stm r8, {r4-r7}
    pop {r4-r11, pc}
    .size kinglet_armv7em_dots_along, . - kinglet_armv7em_dots_along

@ ---------------------------------------------------------------------------------------------
@ Four columns beside each other times one vector, likewise. Two rows make pairs that meet a pair of the vector.
@ r0: vector, r1: first row, r2: bytes from row to row, r3: elements, not 0,
@ stack: twice the negated zero point, sums to add to

    .macro DOTS_PAIR x
    sxtb16 r12, r10
    sxtb16 lr, r11
    pkhbt r3, r12, lr, lsl #16
    pkhtb r12, lr, r12, asr #16
    smlad r4, r3, \x, r4
    smlad r6, r12, \x, r6
    sxtb16 r12, r10, ror #8
    sxtb16 lr, r11, ror #8
    pkhbt r3, r12, lr, lsl #16
    pkhtb r12, lr, r12, asr #16
    smlad r5, r3, \x, r5
    smlad r7, r12, \x, r7
    .endm

    .section .text.kinglet_armv7em_dots_across, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_dots_across
    .type kinglet_armv7em_dots_across, %function
    .thumb_func
kinglet_armv7em_dots_across:
    push {r4-r11, lr}
    ldr r8, [sp, #40]
    ldm r8, {r4-r7}
    @ The end of the vector, and the end of what goes four at a time.
    add r8, r0, r3
    bic r3, r3, #3
    add r9, r0, r3
    push {r8, r9}
    b 2f
1:  ldr r8, [r0], #4
    ldr r3, [sp, #44]
    sxtab16 r9, r3, r8
    sxtab16 r8, r3, r8, ror #8
    ldr r10, [r1]
    ldr r11, [r1, r2, lsl #1]
    DOTS_PAIR r9
    add r1, r2
    ldr r10, [r1]
    ldr r11, [r1, r2, lsl #1]
    DOTS_PAIR r8
    add r1, r2
    add r1, r1, r2, lsl #1
2:  ldr r3, [sp, #4]
    cmp r0, r3
    bne 1b
    ldr r3, [sp]
    ldr r12, [sp, #44]
    b 4f
3:  ldrsb r8, [r0], #1
    sxtah r8, r8, r12
    ldrsb r9, [r1]
    ldrsb r10, [r1, #1]
    mla r4, r8, r9, r4
    mla r5, r8, r10, r5
    ldrsb r9, [r1, #2]
    ldrsb r10, [r1, #3]
    mla r6, r8, r9, r6
    mla r7, r8, r10, r7
    add r1, r2
4:  cmp r0, r3
    bne 3b
    ldr r8, [sp, #48]
    stm r8, {r4-r7}
    add sp, #8
    pop {r4-r11, pc}
    .size kinglet_armv7em_dots_across, . - kinglet_armv7em_dots_across
