@ Sums of pixels for Armv7E-M.

    .syntax unified
    .thumb

@ ---------------------------------------------------------------------------------------------
@ Four channels of some pixels, in 16-bit lanes: SXTAB16 extends and adds two.
@ r0: source, r1: pixels (1 to 255), r2: bytes from pixel to pixel, r3: sums to add to

    .section .text.kinglet_armv7em_sum4, "ax", %progbits
    .p2align 2
    .global kinglet_armv7em_sum4
    .type kinglet_armv7em_sum4, %function
    .thumb_func
kinglet_armv7em_sum4:
    push {r4-r7, lr}
    movs r4, #0
    movs r5, #0
    lsrs r1, r1, #1
    bcc 1f
    ldr r6, [r0]
    add r0, r0, r2
    sxtab16 r4, r4, r6
    sxtab16 r5, r5, r6, ror #8
    beq 2f
1:
    ldr r6, [r0]
    ldr r7, [r0, r2]
    add r0, r0, r2, lsl #1
    sxtab16 r4, r4, r6
    sxtab16 r5, r5, r6, ror #8
    sxtab16 r4, r4, r7
    sxtab16 r5, r5, r7, ror #8
    subs r1, #1
    bne 1b
2:
    ldm r3, {r0, r1, r2, r6}
    sxtah r0, r0, r4
    sxtah r1, r1, r5
    sxtah r2, r2, r4, ror #16
    sxtah r6, r6, r5, ror #16
    stm r3!, {r0, r1, r2, r6}
    pop {r4-r7, pc}
    .size kinglet_armv7em_sum4, . - kinglet_armv7em_sum4
