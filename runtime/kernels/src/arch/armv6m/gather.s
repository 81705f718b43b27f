@ Packs the activations of pixels into words. See mod.rs for the method.

@ Three pixels: r0: three pointers to their taps, r1: first word of the first tap, r2: taps, not zero.
    .section .text.kinglet_armv6m_triple, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_triple
    .type kinglet_armv6m_triple, %function
    .thumb_func
kinglet_armv6m_triple:
    push {r4-r7, lr}
    ldm r0!, {r3, r4, r5}
    subs r2, #1
    lsls r0, r2, #4
    adds r1, r1, r0
1:  @ from the last tap to the first
    ldrsb r6, [r4, r2]
    ldrsb r7, [r5, r2]
    ldrsb r0, [r3, r2]
    lsls r7, r7, #11
    adds r7, r7, r6
    lsls r6, r6, #11
    adds r6, r6, r0
    str r6, [r1, #0]
    str r7, [r1, #4]
    subs r1, #16
    subs r2, #1
    bpl 1b
    pop {r4-r7, pc}
    .size kinglet_armv6m_triple, . - kinglet_armv6m_triple

@ What weights less 128 make of sums of weights: -128 times the sum of each of the four words over a chunk.
@ r0: words, r1: four start values for each chunk, r2: taps of the first chunk, r3: chunks; neither is zero.
    .section .text.kinglet_armv6m_starts, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_starts
    .type kinglet_armv6m_starts, %function
    .thumb_func
kinglet_armv6m_starts:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    push {r4, r5}
    mov r12, r3
    mov r8, r1
1:  @ a chunk
    movs r1, #0
    movs r3, #0
    mov r9, r1
    mov lr, r1
2:
    ldm r0!, {r4-r7}
    adds r1, r1, r4
    adds r3, r3, r5
    add r9, r6
    add lr, r7
    subs r2, #1
    bne 2b
    lsls r4, r1, #7
    negs r4, r4
    lsls r5, r3, #7
    negs r5, r5
    mov r6, r9
    lsls r6, r6, #7
    negs r6, r6
    mov r7, lr
    lsls r7, r7, #7
    negs r7, r7
    mov r1, r8
    stm r1!, {r4-r7}
    mov r8, r1
    movs r2, #60
    mov r1, r12
    subs r1, #1
    mov r12, r1
    bne 1b
    pop {r4, r5}
    mov r8, r4
    mov r9, r5
    pop {r4-r7, pc}
    .size kinglet_armv6m_starts, . - kinglet_armv6m_starts
