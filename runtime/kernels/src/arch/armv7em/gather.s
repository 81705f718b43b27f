@ Widening activations for Armv7E-M. See mod.rs for the method.

    .syntax unified
    .thumb

    @ Four taps \word to two words at \target.
    .macro WIDEN word, target, step
    sxtb16 r10, \word
    sxtb16 r11, \word, ror #8
    str r10, [\target], #\step
    str r11, [\target], #\step
    .endm

@ ---------------------------------------------------------------------------------------------
@ The windows of some pixels into columns of a tile.
@ r0: first window, r1: first column, r2: rows of a window, r3: whole words of a run,
@ [sp]: arguments that follow: bytes from run to run, bytes left of a run, pixels, bytes from pixel to pixel
@ r4: run, r5: column, r6: rows left, r7: position, r8: words left

    .section .text.kinglet_armv7em_gather, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_gather
    .type kinglet_armv7em_gather, %function
    .thumb_func
kinglet_armv7em_gather:
    push {r4-r11, lr}
    ldrd r12, lr, [sp, #36]
1:  @ a pixel
    mov r4, r0
    mov r5, r1
    mov r6, r2
    cmp r3, #0
    beq 5f
2:  @ a run
    mov r7, r4
    lsrs r8, r3, #1
    bcc 3f
    ldr r9, [r7], #4
    WIDEN r9, r5, 16
    beq 4f
3:
    ldr r9, [r7], #4
    WIDEN r9, r5, 16
    ldr r9, [r7], #4
    WIDEN r9, r5, 16
    subs r8, r8, #1
    bne 3b
4:
    add r4, r4, r12
    subs r6, r6, #1
    bne 2b
5:
    cmp lr, #0
    bne 7f
6:
    ldrd r4, r6, [sp, #44]
    add r0, r0, r6
    adds r1, #4
    subs r4, r4, #1
    str r4, [sp, #44]
    bne 1b
    pop {r4-r11, pc}

7:  @ what is left of the runs; r9: taps of a word from the top down, r10: bits that are missing
    add r4, r0, r3, lsl #2
    mov r6, r2
    movs r7, #32
    mov r10, r7
8:
    mov r7, r4
    mov r8, lr
9:
    ldrb r11, [r7], #1
    lsr r9, r9, #8
    orr r9, r9, r11, lsl #24
    subs r10, r10, #8
    bne 10f
    WIDEN r9, r5, 16
    mov r10, #32
10:
    subs r8, r8, #1
    bne 9b
    add r4, r4, r12
    subs r6, r6, #1
    bne 8b
    cmp r10, #32
    beq 6b
    lsr r9, r9, r10
    WIDEN r9, r5, 16
    b 6b
    .size kinglet_armv7em_gather, . - kinglet_armv7em_gather

@ ---------------------------------------------------------------------------------------------
@ Whole words of a vector into a single column.
@ r0: source, r1: target, r2: words (not 0)

    .section .text.kinglet_armv7em_widen, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_widen
    .type kinglet_armv7em_widen, %function
    .thumb_func
kinglet_armv7em_widen:
    push {r10, r11}
1:
    ldr r3, [r0], #4
    WIDEN r3, r1, 4
    subs r2, r2, #1
    bne 1b
    pop {r10, r11}
    bx lr
    .size kinglet_armv7em_widen, . - kinglet_armv7em_widen

@ ---------------------------------------------------------------------------------------------
@ 3x3 windows of three channels: of each run two words, and the last bytes of the runs as a word.
@ r0: first window, r1: first column, r2: bytes from run to run, r3: pixels, [sp]: bytes from pixel to pixel

    .section .text.kinglet_armv7em_gather3x3x3, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_gather3x3x3
    .type kinglet_armv7em_gather3x3x3, %function
    .thumb_func
kinglet_armv7em_gather3x3x3:
    push {r4-r11, lr}
    ldr r12, [sp, #36]
1:
    mov r4, r1
    add r5, r0, r2
    add r6, r0, r2, lsl #1
    ldr r7, [r0]
    ldr r8, [r0, #4]
    ldrb r9, [r0, #8]
    WIDEN r7, r4, 16
    WIDEN r8, r4, 16
    ldr r7, [r5]
    ldr r8, [r5, #4]
    ldrb r5, [r5, #8]
    WIDEN r7, r4, 16
    WIDEN r8, r4, 16
    ldr r7, [r6]
    ldr r8, [r6, #4]
    ldrb r6, [r6, #8]
    WIDEN r7, r4, 16
    WIDEN r8, r4, 16
    orr r9, r9, r5, lsl #8
    orr r9, r9, r6, lsl #16
    WIDEN r9, r4, 16
    adds r1, #4
    add r0, r0, r12
    subs r3, #1
    bne 1b
    pop {r4-r11, pc}
    .size kinglet_armv7em_gather3x3x3, . - kinglet_armv7em_gather3x3x3

@ ---------------------------------------------------------------------------------------------
@ Bytes from anywhere to anywhere.
@ r0: target, r1: source, r2: bytes

    .section .text.kinglet_armv7em_copy, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_copy
    .type kinglet_armv7em_copy, %function
    .thumb_func
kinglet_armv7em_copy:
    subs r2, #8
    blt 2f
1:
    ldr r3, [r1], #4
    ldr r12, [r1], #4
    str r3, [r0], #4
    str r12, [r0], #4
    subs r2, #8
    bge 1b
2:
    adds r2, #4
    blt 3f
    ldr r3, [r1], #4
    str r3, [r0], #4
    subs r2, #4
3:
    adds r2, #4
    beq 5f
4:
    ldrb r3, [r1], #1
    strb r3, [r0], #1
    subs r2, #1
    bne 4b
5:
    bx lr
    .size kinglet_armv7em_copy, . - kinglet_armv7em_copy
