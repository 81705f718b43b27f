@ Filling planes for Armv7E-M.

    .syntax unified
    .thumb

@ ---------------------------------------------------------------------------------------------
@ Four channels of rows of pixels into four planes.
@ r0: source, r1: target in the first plane, r2: pixels of a row (not 0), r3: bytes from pixel to pixel,
@ [sp]: arguments that follow: bytes from plane to plane, rows (not 0), bytes from row to row of the source, of a plane

    .section .text.kinglet_armv7em_planar, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_planar
    .type kinglet_armv7em_planar, %function
    .thumb_func
kinglet_armv7em_planar:
    push {r0-r11, lr}
    ldr r12, [sp, #52]
1:  @ a row
    add lr, r1, r12, lsl #1
    subs r2, r2, #2
    blt 3f
2:  @ two pixels
    ldr r4, [r0]
    ldr r5, [r0, r3]
    add r0, r0, r3, lsl #1
    sxtb16 r6, r4
    sxtb16 r7, r4, ror #8
    sxtb16 r8, r5
    sxtb16 r9, r5, ror #8
    pkhbt r10, r6, r8, lsl #16
    pkhtb r11, r8, r6, asr #16
    pkhbt r4, r7, r9, lsl #16
    pkhtb r5, r9, r7, asr #16
    str r4, [r1, r12]
    str r5, [lr, r12]
    str r10, [r1], #4
    str r11, [lr], #4
    subs r2, r2, #2
    bge 2b
3:
    adds r2, r2, #2
    beq 4f
    ldr r4, [r0]
    sxtb16 r6, r4
    sxtb16 r7, r4, ror #8
    strh r6, [r1]
    strh r7, [r1, r12]
    lsr r6, r6, #16
    lsr r7, r7, #16
    strh r6, [lr]
    strh r7, [lr, r12]
4:
    ldrd r4, r5, [sp, #56]
    ldr r6, [sp, #64]
    ldm sp, {r0, r1, r2}
    subs r4, r4, #1
    str r4, [sp, #56]
    add r0, r0, r5
    add r1, r1, r6
    strd r0, r1, [sp]
    bne 1b
    add sp, #16
    pop {r4-r11, pc}
    .size kinglet_armv7em_planar, . - kinglet_armv7em_planar

@ ---------------------------------------------------------------------------------------------
@ Words to lower addresses.
@ r0: source, r1: target, r2: words

    .section .text.kinglet_armv7em_move, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_move
    .type kinglet_armv7em_move, %function
    .thumb_func
kinglet_armv7em_move:
    push {r4-r10, lr}
    subs r2, #8
    blt 2f
1:
    ldm r0!, {r3-r10}
    stm r1!, {r3-r10}
    subs r2, #8
    bge 1b
2:
    adds r2, #8
    beq 4f
3:
    ldr r3, [r0], #4
    str r3, [r1], #4
    subs r2, #1
    bne 3b
4:
    pop {r4-r10, pc}
    .size kinglet_armv7em_move, . - kinglet_armv7em_move
