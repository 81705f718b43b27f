@ The vector micro-kernel for Armv6-M: one vector by quads of output channels. See mod.rs for the method and
@ fully_connected.rs for the arguments.
@
@ r0: inputs, r1: weights, r6: 0, r7: 1; r8: products of a word, r9: of its halves' bytes exchanged, r10: of its bytes
@ reversed; r11: end of the inputs, r12: arguments. [sp, 0] to [sp, 12]: accumulators, [sp, 16]: the one in work.

@ The products of the word in \word with r4. r5 is lost.
    .macro kinglet_quad word
    rev16 r5, \word
    muls r5, r4, r5
    add r9, r5
    rev r5, \word
    muls r5, r4, r5
    add r10, r5
    muls \word, r4, \word
    add r8, \word
    .endm

    .section .text.kinglet_armv6m_quads, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_quads
    .type kinglet_armv6m_quads, %function
    .thumb_func
kinglet_armv6m_quads:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    sub sp, #20
    mov r12, r0
    mov r6, r0
.Lquads_next:
    ldr r0, [r6, #INPUT]
    ldr r2, [r6, #TAPS]
    adds r3, r0, r2
    mov r11, r3
    ldr r1, [r6, #QUAD_WEIGHTS]
    ldr r3, [r6, #START]
    mov r8, r3
    mov r9, r3
    mov r10, r3
    movs r6, #0
    movs r7, #1
    @ taps beyond a multiple of four
    lsls r2, r2, #30
    lsrs r2, r2, #30
    beq .Lquads_four
.Lquads_single:
    ldrsb r4, [r0, r6]
    adds r0, #1
    ldm r1!, {r3}
    kinglet_quad r3
    subs r2, #1
    bne .Lquads_single
    cmp r0, r11
    beq .Lquads_separate
.Lquads_four:
    .rept 2
    ldm r1!, {r2, r3}
    ldrsb r4, [r0, r6]
    kinglet_quad r2
    ldrsb r4, [r0, r7]
    kinglet_quad r3
    adds r0, #2
    .endr
    cmp r0, r11
    bne .Lquads_four
.Lquads_separate:
    mov r6, r12
    str r1, [r6, #QUAD_WEIGHTS]
    @ r1 = A + 2^16 (C - A), r2 = B + 2^16 (D - B), r3 = D + 2^8 C
    mov r0, r8
    mov r3, r9
    lsls r1, r3, #8
    subs r1, r0, r1
    lsls r2, r0, #8
    subs r2, r3, r2
    mov r3, r10
    lsls r0, r2, #16
    subs r3, r3, r0
    lsls r0, r1, #24
    subs r3, r3, r0
    @ r4 = C + A / 2^16, r5 = D + B / 2^16, both in their lower halves
    lsrs r4, r1, #16
    adds r4, r4, r1
    lsrs r5, r2, #16
    adds r5, r5, r2
    @ r5 = B / 2^16, r7 = A / 2^16
    lsls r0, r4, #8
    adds r5, r5, r0
    subs r7, r5, r3
    sxtb r5, r7
    subs r7, r7, r5
    lsls r7, r7, #16
    asrs r7, r7, #24
    subs r4, r4, r7
    @ r1: A, r2: B, r3: C, r4: D
    uxth r1, r1
    lsls r0, r7, #16
    adds r1, r1, r0
    uxth r2, r2
    lsls r0, r5, #16
    adds r2, r2, r0
    lsls r4, r4, #8
    subs r4, r3, r4
    lsls r4, r4, #8
    asrs r4, r4, #8
    subs r3, r3, r4
    asrs r3, r3, #8
    @ with biases; of a last quad that is not whole none is read behind the last
    mov r0, sp
    stm r0!, {r1-r4}
    ldr r1, [r6, #QUAD_NEGATIVE]
    mov r10, r1
    ldr r1, [r6, #QUAD_MIN]
    mov r9, r1
    ldr r1, [r6, #QUAD_MAX]
    mov r11, r1
    movs r7, #0
.Lquads_output:  @ r7: four times the channel within the quad
    mov r0, sp
    ldr r0, [r0, r7]
    ldr r1, [r6, #QUAD_BIAS]
    ldm r1!, {r2}
    str r1, [r6, #QUAD_BIAS]
    adds r0, r0, r2
    str r0, [sp, #16]
    ldr r3, [r6, #QUAD_REQUANT]
    ldr r0, [r3]
    ldr r1, [r6, #QUAD_REQUANT_STRIDE]
    adds r3, r3, r1
    str r3, [r6, #QUAD_REQUANT]
    ldr r2, [r6, #QUAD_SHIFT]
    lsrs r1, r0, #30
    subs r2, r2, r1
    ldr r3, [r6, #QUAD_EXTRA]
    cmp r3, #0
    beq .Lquads_shift
    ldrb r1, [r3]
    subs r2, r2, r1
    ldr r1, [r6, #QUAD_EXTRA_STRIDE]
    adds r3, r3, r1
    str r3, [r6, #QUAD_EXTRA]
.Lquads_shift:
    ldr r3, [r6, #QUAD_ROUNDING]
    lsls r3, r3, r2
    ldr r1, [r6, #QUAD_HALF]
    adds r3, r3, r1
    mov r8, r3
    adds r2, #1
    adds r7, #4
    mov lr, r7
    ldr r7, [r6, #QUAD_OUTPUT]
    adds r1, r7, #1
    str r1, [r6, #QUAD_OUTPUT]
    kinglet_wide_digits
    kinglet_output_any kinglet_wide_product, 16, r11
    mov r6, r12
    mov r7, lr
    ldr r0, [r6, #QUAD_COUNT]
    subs r0, #1
    str r0, [r6, #QUAD_COUNT]
    beq .Lquads_done
    cmp r7, #16
    bne .Lquads_output
    b .Lquads_next
.Lquads_done:
    add sp, #20
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size kinglet_armv6m_quads, . - kinglet_armv6m_quads
