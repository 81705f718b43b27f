@ The constants of a layer for Armv7E-M, decoded once for all tiles.

    .syntax unified
    .thumb

    @ A channel's multiplier, right shift less 1 and rounding constant to r0, which moves on.
    .macro CHANNEL
    ldr r8, [r3]
    add r3, r3, r4
    sub r9, r6, r8, lsr #30
    cbz r5, 9f
    ldrb r10, [r5]
    add r5, r5, r4, lsr #2
    sub r9, r9, r10
9:
    bfi r8, r12, #30, #2
    lsl r10, r7, r9
    stm r0!, {r8, r9, r10}
    .endm

@ ---------------------------------------------------------------------------------------------
@ r0: table, r1: channels (not 0), r2: biases, r3: requantization words, [sp]: arguments that follow: bytes from word
@ to word (0 or 4), extra shifts or null, right shift of a word whose top bits are zero less 1, 2 * zero point + 1

    .section .text.kinglet_armv7em_table, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_table
    .type kinglet_armv7em_table, %function
    .thumb_func
kinglet_armv7em_table:
    push {r4-r10, lr}
    ldrd r4, r5, [sp, #32]
    ldrd r6, r7, [sp, #40]
    mov r12, #1
1:  @ a pair
    CHANNEL
    ldr lr, [r2], #4
    subs r1, #2
    blt 3f
    CHANNEL
    ldr r8, [r2], #4
2:
    add r8, lr, r8, lsl #8
    strd lr, r8, [r0], #8
    bgt 1b
    pop {r4-r10, pc}
3:  @ without a second channel
    movs r8, #0
    mov r9, r8
    mov r10, r8
    stm r0!, {r8, r9, r10}
    cmp r8, #0
    b 2b
    .size kinglet_armv7em_table, . - kinglet_armv7em_table
