@ Moving runs at strides. See strided.rs for the arguments.

    .syntax unified
    .thumb

    @ Rows of elements that one load and one store move. r0: to, r1: from, r3: rows, r4, r5: from the end of a row to the next,
    @ r6: three times r8, r7, r8: from an element to the next, lr: three times r7; elements of a row wait on the stack. Four at a
    @ time, then those that are left.
    .macro STRIDED_ELEMENTS load store
1:  ldr r10, [sp]
    subs r10, #4
    blo 3f
2:  \load r2, [r1]
    \load r9, [r1, r7]
    \load r11, [r1, r7, lsl #1]
    \load r12, [r1, lr]
    add r1, r1, r7, lsl #2
    \store r2, [r0]
    \store r9, [r0, r8]
    \store r11, [r0, r8, lsl #1]
    \store r12, [r0, r6]
    add r0, r0, r8, lsl #2
    subs r10, #4
    bhs 2b
3:  adds r10, #4
    beq 5f
4:  \load r2, [r1]
    add r1, r7
    \store r2, [r0]
    add r0, r8
    subs r10, #1
    bne 4b
5:  add r1, r4
    add r0, r5
    subs r3, #1
    bne 1b
    pop {r2, r4-r11, pc}
    .endm

@ r0: to, r1: from, r2: Bytes

    .section .text.kinglet_thumb2_strided, "ax", %progbits
    .p2align 2
    .global kinglet_thumb2_strided
    .type kinglet_thumb2_strided, %function
    .thumb_func
kinglet_thumb2_strided:
    push {r4-r11, lr}
    ldm r2, {r3-r9}
    mls r4, r6, r7, r4
    mls r5, r6, r8, r5
    cmp r9, #4
    bhi 30f
    cmp r9, #3
    beq 30f
    push {r6}
    add lr, r7, r7, lsl #1
    add r6, r8, r8, lsl #1
    cmp r9, #2
    beq 20f
    bhi 40f
    STRIDED_ELEMENTS ldrb strb
20: STRIDED_ELEMENTS ldrh strh
40: STRIDED_ELEMENTS ldr str

    @ Runs of r9 bytes. r7, r8: from the end of a run to the next; data in r2 to r5, whose values wait on the stack.
30: orr r10, r0, r1
    orr r11, r4, r5
    orr r12, r7, r8
    orr r10, r11
    orr r12, r9
    orr r10, r12
    subs r7, r9
    subs r8, r9
    push {r3-r5}
    lsls r10, #30
    bne 60f

    @ All places are multiples of four.
50: mov r10, r6
51: subs r12, r9, #16
    blo 53f
52: ldm r1!, {r2-r5}
    stm r0!, {r2-r5}
    subs r12, #16
    bhs 52b
53: lsls r2, r12, #29
    itt cs
    ldmcs r1!, {r3, r4}
    stmcs r0!, {r3, r4}
    itt mi
    ldrmi r3, [r1], #4
    strmi r3, [r0], #4
    add r1, r7
    add r0, r8
    subs r10, #1
    bne 51b
    ldm sp, {r3-r5}
    add r1, r4
    add r0, r5
    subs r3, #1
    str r3, [sp]
    bne 50b
    add sp, #12
    pop {r4-r11, pc}

    @ Any places, which words may have as well.
60: mov r10, r6
61: subs r12, r9, #16
    blo 63f
62: ldr r2, [r1], #4
    ldr r3, [r1], #4
    ldr r4, [r1], #4
    ldr r5, [r1], #4
    str r2, [r0], #4
    str r3, [r0], #4
    str r4, [r0], #4
    str r5, [r0], #4
    subs r12, #16
    bhs 62b
63: lsls r2, r12, #29
    bcc 64f
    ldr r3, [r1], #4
    ldr r4, [r1], #4
    str r3, [r0], #4
    str r4, [r0], #4
64: lsls r2, r12, #30
    itt cs
    ldrcs r3, [r1], #4
    strcs r3, [r0], #4
    itt mi
    ldrhmi r3, [r1], #2
    strhmi r3, [r0], #2
    lsrs r2, r12, #1
    itt cs
    ldrbcs r3, [r1], #1
    strbcs r3, [r0], #1
    add r1, r7
    add r0, r8
    subs r10, #1
    bne 61b
    ldm sp, {r3-r5}
    add r1, r4
    add r0, r5
    subs r3, #1
    str r3, [sp]
    bne 60b
    add sp, #12
    pop {r4-r11, pc}
    .size kinglet_thumb2_strided, . - kinglet_thumb2_strided
