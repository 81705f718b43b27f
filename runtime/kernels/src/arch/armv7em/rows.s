@ Sums of products of int16 activations and int8 weights for Armv7E-M. See rows.rs.

    .syntax unified
    .thumb

    @ Four weights of a row times the pairs r10 (elements 0 and 2) and r11 (1 and 3).
    .macro ROWS_FOUR row, sum
    ldr r12, [\row], #4
    sxtb16 lr, r12, ror #8
    sxtb16 r12, r12
    smlad \sum, r11, lr, \sum
    smlad \sum, r10, r12, \sum
    .endm

    .macro ROWS_ONE row, sum
    ldrsb r12, [\row], #1
    mla \sum, r10, r12, \sum
    .endm

@ r0: Rows; its pointers and length are left as they were, its sums are written.

    .section .text.kinglet_armv7em_rows, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_rows
    .type kinglet_armv7em_rows, %function
    .thumb_func
kinglet_armv7em_rows:
    push {r0, r4-r11, lr}
    ldm r0, {r0-r5}
    movs r6, #0
    movs r7, #0
    mov r8, #0
    mov r9, #0
    subs r5, #4
    blo 2f
1:  ldr r12, [r0], #4
    ldr lr, [r0], #4
    pkhbt r10, r12, lr, lsl #16
    pkhtb r11, lr, r12, asr #16
    ROWS_FOUR r1, r6
    ROWS_FOUR r2, r7
    ROWS_FOUR r3, r8
    ROWS_FOUR r4, r9
    subs r5, #4
    bhs 1b
2:  adds r5, #4
    beq 4f
3:  ldrsh r10, [r0], #2
    ROWS_ONE r1, r6
    ROWS_ONE r2, r7
    ROWS_ONE r3, r8
    ROWS_ONE r4, r9
    subs r5, #1
    bne 3b
4:  ldr r0, [sp]
    adds r0, #ROWS_SUMS
    stm r0!, {r6-r9}
    pop {r0, r4-r11, pc}
    .size kinglet_armv7em_rows, . - kinglet_armv7em_rows
