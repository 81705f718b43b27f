@ Fills rows of a plane. See mod.rs for the method and depthwise.rs for the arguments.

@ r0: source, r1: target, r2: pixels left, r4 and r5: elements whose words wait for what comes after them,
@ r7: 0, r8: bytes of a pixel, r9: rows left, r12: arguments.
    .macro kinglet_fill name, row
    .section .text.kinglet_armv6m_\name, "ax", %progbits
    .p2align 2
    .global kinglet_armv6m_\name
    .type kinglet_armv6m_\name, %function
    .thumb_func
kinglet_armv6m_\name:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    push {r4, r5}
    mov r6, r0
    mov r12, r0
    ldr r0, [r6, #FILL_SOURCE]
    ldr r1, [r6, #FILL_TARGET]
    ldr r2, [r6, #FILL_PIXEL]
    mov r8, r2
    ldr r2, [r6, #FILL_ROWS]
    mov r9, r2
    movs r7, #0
.L\name\()_row:
    mov r6, r12
    ldr r2, [r6, #FILL_COUNT]
    ldr r4, [r6, #FILL_PADDING]
    \row \name
    ldr r2, [r6, #FILL_SOURCE_STEP]
    adds r0, r0, r2
    ldr r2, [r6, #FILL_TARGET_STEP]
    adds r1, r1, r2
    mov r2, r9
    subs r2, #1
    mov r9, r2
    bne .L\name\()_row
    pop {r4, r5}
    mov r8, r4
    mov r9, r5
    pop {r4-r7, pc}
    .size kinglet_armv6m_\name, . - kinglet_armv6m_\name
    .endm

@ Words of an element and the next.
    .macro kinglet_fill_one name
.L\name\()_pixel:
    ldrsb r5, [r0, r7]
    add r0, r8
    lsls r6, r5, #11
    adds r4, r4, r6
    stm r1!, {r4}
    subs r2, #1
    beq .L\name\()_odd
    ldrsb r4, [r0, r7]
    add r0, r8
    lsls r6, r4, #11
    adds r5, r5, r6
    stm r1!, {r5}
    subs r2, #1
    bne .L\name\()_pixel
    mov r5, r4
.L\name\()_odd:
    mov r6, r12
    ldr r4, [r6, #FILL_PADDING]
    lsls r4, r4, #11
    adds r4, r4, r5
    stm r1!, {r4}
    .endm

@ Words of an element and the next but one.
    .macro kinglet_fill_two name
    mov r5, r4
.L\name\()_pixel:
    ldrsb r6, [r0, r7]
    add r0, r8
    lsls r3, r6, #11
    adds r4, r4, r3
    stm r1!, {r4}
    mov r4, r5
    mov r5, r6
    subs r2, #1
    bne .L\name\()_pixel
    mov r6, r12
    ldr r3, [r6, #FILL_PADDING]
    lsls r3, r3, #11
    adds r4, r4, r3
    adds r5, r5, r3
    stm r1!, {r4, r5}
    .endm

    kinglet_fill fill1, kinglet_fill_one
    kinglet_fill fill2, kinglet_fill_two
